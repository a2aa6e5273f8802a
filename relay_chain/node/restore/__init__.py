"""State sync: a new node takes over a snapshot of the state instead of executing the past."""
