"""Ethereum's formats: headers, transactions, receipts, accounts and Besu's QBFT extra data."""
