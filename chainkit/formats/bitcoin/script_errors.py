"""Why a script fails, and the rules that are switched on, by Bitcoin Core's names."""

from enum import Flag, auto

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken


class ScriptFailed(BitcoinRuleBroken):
    """A script did not allow the spend; ``reason`` is Core's ScriptError without its prefix."""

    code = 7


class ScriptFlag(Flag):
    """Rules of Script; consensus uses those of :data:`CONSENSUS_FLAGS`, relay all standard ones."""

    NONE = 0
    P2SH = auto()
    STRICTENC = auto()
    DERSIG = auto()
    LOW_S = auto()
    NULLDUMMY = auto()
    SIGPUSHONLY = auto()
    MINIMALDATA = auto()
    DISCOURAGE_UPGRADABLE_NOPS = auto()
    CLEANSTACK = auto()
    CHECKLOCKTIMEVERIFY = auto()
    CHECKSEQUENCEVERIFY = auto()
    WITNESS = auto()
    DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM = auto()
    MINIMALIF = auto()
    NULLFAIL = auto()
    WITNESS_PUBKEYTYPE = auto()
    CONST_SCRIPTCODE = auto()
    TAPROOT = auto()
    DISCOURAGE_UPGRADABLE_TAPROOT_VERSION = auto()
    DISCOURAGE_OP_SUCCESS = auto()
    DISCOURAGE_UPGRADABLE_PUBKEYTYPE = auto()


CONSENSUS_FLAGS = (
    ScriptFlag.P2SH
    | ScriptFlag.DERSIG
    | ScriptFlag.NULLDUMMY
    | ScriptFlag.CHECKLOCKTIMEVERIFY
    | ScriptFlag.CHECKSEQUENCEVERIFY
    | ScriptFlag.WITNESS
    | ScriptFlag.TAPROOT
)
"""What a block of today must satisfy (Core's MANDATORY flags with all deployments active)."""

STANDARD_FLAGS = (
    CONSENSUS_FLAGS
    | ScriptFlag.STRICTENC
    | ScriptFlag.LOW_S
    | ScriptFlag.MINIMALDATA
    | ScriptFlag.DISCOURAGE_UPGRADABLE_NOPS
    | ScriptFlag.CLEANSTACK
    | ScriptFlag.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM
    | ScriptFlag.MINIMALIF
    | ScriptFlag.NULLFAIL
    | ScriptFlag.WITNESS_PUBKEYTYPE
    | ScriptFlag.CONST_SCRIPTCODE
    | ScriptFlag.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION
    | ScriptFlag.DISCOURAGE_OP_SUCCESS
    | ScriptFlag.DISCOURAGE_UPGRADABLE_PUBKEYTYPE
)
"""What a transaction must satisfy for a node to relay it."""
