"""ICS-20: fungible tokens over channels, with the trace of the channels they passed."""
