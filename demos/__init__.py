"""Scenarios for people and for tests, one module each, public names only."""
