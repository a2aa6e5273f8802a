"""QBFT as Besu speaks it: a pure step machine, its messages, what a restart needs."""
