"""Signature verification: ed25519 under ZIP-215, alone and in batches, and secp256k1."""
