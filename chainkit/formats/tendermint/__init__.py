"""CometBFT 0.38's blocks, votes, commits, evidence and validator sets, byte for byte."""
