"""A Tendermint zone: the kernel without the hub's own modules."""
