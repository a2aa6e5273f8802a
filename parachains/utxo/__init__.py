"""A chain in Bitcoin's format that carries IBC: every block is valid to Bitcoin Core."""
