"""The account chain: Ethereum's blocks, state and transactions; contracts are native code."""
