"""The block formats of the chains that the hub knows, one folder each."""
