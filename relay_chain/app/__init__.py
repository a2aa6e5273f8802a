"""The hub's application: staking, slashing, governance and IBC on the kernel's runtime."""
