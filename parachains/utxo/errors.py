"""Why a UTXO chain refuses: Bitcoin Core's reject reasons, and ours for what it does not know."""

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.primitives.errors import RuleBroken


class CarrierRefused(BitcoinRuleBroken):
    """A transaction breaks a rule that this chain adds to Bitcoin's.

    ``reason`` is the rule: ``carrier-malformed``, ``carrier-owner``, ``carrier-message``,
    ``escrow-unbalanced``, ``payout-missing``, ``lot-unassigned``. Too much gas is a
    refused message.
    """

    codespace = "utxo"
    code = 2


class InsufficientFunds(RuleBroken):
    """A message takes more than its transaction brings, or than an escrow holds."""

    codespace = "utxo"
    code = 3


class TooDeepReorganisation(RuleBroken):
    """A heavier chain forks below what this node can undo."""

    codespace = "utxo"
    code = 4
