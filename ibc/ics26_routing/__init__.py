"""ICS-26: which application a message is for, and what it passes on the way."""
