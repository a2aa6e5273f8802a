"""The application behind an engine in another process: ABCI 2.0, as CometBFT 0.38 speaks it."""
