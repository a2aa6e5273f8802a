"""Tendermint as pure step machines (arXiv:1807.04938)."""
