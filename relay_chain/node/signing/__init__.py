"""The remote signer: CometBFT's privval protocol, so that the key lives in another process."""
