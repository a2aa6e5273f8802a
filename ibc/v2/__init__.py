"""IBC v2: packets of payloads between two clients, without connections and channels."""
