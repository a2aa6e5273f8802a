"""A zone: the kernel of a chain with accounts, tokens, IBC and fixed validators."""

from parachains.zone.app import zone_application

__all__ = ["zone_application"]
