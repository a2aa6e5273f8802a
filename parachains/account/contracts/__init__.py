"""Contracts at fixed or derived addresses, written in Python: there is no virtual machine."""
