"""Modules that every account-based chain of this kit needs: auth and bank."""
