"""ICS-24: identifiers and the paths of what is proven."""
