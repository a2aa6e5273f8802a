"""The pure kernel that every chain, light client and daemon is built from."""
