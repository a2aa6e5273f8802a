"""ICS-04: channels, packets, acknowledgements and timeouts."""
