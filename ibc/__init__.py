"""The Inter-Blockchain Communication protocol, one folder a standard."""
