"""Attacks that dice find too seldom: who hears whom in which round, and what the liar says.

Four validators of equal power propose in the order of their numbers. Node 1 is the liar, a
:data:`Kind.PUPPET` that casts its votes as the script says; the network plays along by cuts.
The timing has milliseconds to spare, so a seed may vary the delays.
"""

from random import Random

from chainkit.formats.tendermint.types import VoteType
from relay_chain.simulator.plan import FAST, MS, Cue, Cut, Kind, Plan, Quality

LIAR = 1
NIL = -1
_PREVOTE, _PRECOMMIT = VoteType.PREVOTE, VoteType.PRECOMMIT
_ROUND_0_ENDS = FAST.precommit_ns
_CHAOS_NS = 3_000 * MS


def _apart(*pairs: tuple[int, int]) -> Cut:
    return Cut(frozenset((a, b) for x, y in pairs for a, b in ((x, y), (y, x))))


def _plan(
    seed: int, kinds: tuple[Kind, ...], cues: tuple[Cue, ...], cuts: tuple[tuple[int, Cut], ...]
) -> Plan:
    delay = Quality(delay_ns=Random(seed).randint(1, 4) * MS)
    return Plan(seed, (10,) * 4, kinds, ((0, delay), *cuts), chaos_ns=_CHAOS_NS, script=cues)


def nil_polka_attack(seed: int, locked: Kind) -> Plan:
    """Return the attack on the paper's rule among CometBFT's nodes (``model_check``'s fork).

    Round 0: nodes 0 and 3 lock block 0; node 2 hears neither. The liar precommits it too,
    and tells nobody. Round 1: if the locked node 0 prevotes nil, it completes with node 2
    and the liar the nil polka that unlocks node 3. Round 2: nodes 2 and 3 and the liar
    decide block 1; node 0 hears only the old precommit of the liar, and decides block 0.

    Args:
        seed: Of the delays.
        locked: What node 0 is: with the paper's rule the network forks.
    """
    kinds = (locked, Kind.PUPPET, Kind.COMETBFT, Kind.COMETBFT)
    cues = (
        *(Cue(0, _PREVOTE, node, 0) for node in (0, 3)),
        *(Cue(0, _PRECOMMIT, node, NIL) for node in (0, 3)),
        *(Cue(1, _PREVOTE, node, NIL) for node in (0, 2, 3)),
        *(Cue(1, _PRECOMMIT, node, NIL) for node in (0, 2, 3)),
        *(Cue(2, type_, node, 1) for type_ in (_PREVOTE, _PRECOMMIT) for node in (2, 3)),
        Cue(2, _PREVOTE, 0, NIL),
        Cue(2, _PRECOMMIT, 2, 0, recipient=0, of_round=0),
    )
    late = FAST.propose_ns + FAST.propose_delta_ns
    cuts = (
        (0, _apart((0, 2), (3, 2))),
        # Nodes 0 and 3 wait in vain for the liar's proposal; node 2 hears their prevotes.
        (_ROUND_0_ENDS + late - 5 * MS, _apart()),
        (_ROUND_0_ENDS + late + 120 * MS, _apart((0, 2), (0, 3))),
    )
    return _plan(seed, kinds, cues, cuts)


def lonely_lock(seed: int, locked: Kind, *, is_decided: bool) -> Plan:
    """Return a run in which node 0 alone locks block 0, and the others go elsewhere.

    Round 1: they prevote nil (node 0 sees a nil polka while locked), or block 1 where
    ``is_decided``, which node 0 misses until block 1 comes again with its proof of lock.
    """
    kinds = (locked, Kind.PUPPET, Kind.CORRECT, Kind.COMETBFT)
    for_block = 1 if is_decided else NIL
    cues = (
        Cue(0, _PREVOTE, 0, 0),
        *(Cue(0, _PREVOTE, node, NIL) for node in (2, 3)),
        *(Cue(0, _PRECOMMIT, node, NIL) for node in (0, 2, 3)),
        *(Cue(1, _PREVOTE, node, for_block) for node in (2, 3)),
        Cue(1, _PREVOTE, 0, NIL),
        *(Cue(1, _PRECOMMIT, node, NIL) for node in (0, 2, 3)),
    )
    cuts = ((0, _apart((2, 3))), (200 * MS, _apart()))
    return _plan(seed, kinds, cues, cuts)
