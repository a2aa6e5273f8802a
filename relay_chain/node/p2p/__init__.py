"""CometBFT's peer-to-peer layer: secret connections, multiplexing, handshake, switch."""
