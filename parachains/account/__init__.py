"""The account chain: Ethereum's formats, sealed by QBFT."""
