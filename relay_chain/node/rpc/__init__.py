"""The JSON-RPC of a node: pure methods over its stores, with CometBFT 0.38's names and shapes."""
