"""The hub's application: stake, slashing and IBC on the kernel that parachains use too."""

from relay_chain.app.hub import hub_application

__all__ = ["hub_application"]
