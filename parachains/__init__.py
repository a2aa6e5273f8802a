"""Chains that hang on the hub, one folder a kind, and the SDK to write one."""
