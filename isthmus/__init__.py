"""Adapters, composition and the command line."""
