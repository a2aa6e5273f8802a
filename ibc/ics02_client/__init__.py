"""ICS-02: clients of other chains, and the port that a light client fits."""
