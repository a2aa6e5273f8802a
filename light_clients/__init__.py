"""Light clients, one folder each; none imports another."""
