"""A node: peers, write-ahead log, signer, stores and RPC around the pure machines."""
