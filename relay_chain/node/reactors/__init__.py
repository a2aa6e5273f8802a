"""What peers say to each other: consensus, block sync, transactions, evidence."""
