"""ICS-03: connections, each between one client here and one there."""
