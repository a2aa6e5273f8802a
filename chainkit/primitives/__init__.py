"""Identifiers, heights, hashes, limits and errors: the words that everything else is written in."""
