"""Rate limits on tokens over channels and clients: at most a share of the supply in a window.

After ibc-go v11's rate-limiting module: its messages, queries, codes, windows and arithmetic.
"""
