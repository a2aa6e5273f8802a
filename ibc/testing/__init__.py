"""Two or three chains in one process, after ibc-go's ``testing``: for tests of applications.

No consensus and no trees: a chain's root is the hash of its whole ``ibc`` store, and a proof
is that store written out. Forging one still needs a collision of SHA-256.
"""
