"""07-tendermint: headers by commits, adjacent and skipping (ICS-07)."""
