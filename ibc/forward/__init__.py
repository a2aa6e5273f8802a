"""Forwarding of tokens by memo: packet-forward-middleware's memo and refunds."""
