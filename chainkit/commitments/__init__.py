"""Commitment trees and their proofs: ICS-23, RFC 6962, IAVL+, the multistore."""
