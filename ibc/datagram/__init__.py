"""A second application on the packet layer: plain messages from one chain to another."""
