"""A DAG chain: parallel blocks in GHOSTDAG's order, ed25519 accounts, IBC by state root."""
