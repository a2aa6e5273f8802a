"""ICS-27: an account on another chain, moved by its owner's packets."""
