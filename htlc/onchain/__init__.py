"""What a ledger enforces of a hash-locked output: rules and scripts, no daemon and no I/O."""
