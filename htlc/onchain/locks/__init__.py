"""Hash locks of a ledger of accounts: the hub's and the zones'."""
