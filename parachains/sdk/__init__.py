"""The public surface for people who write a chain."""
