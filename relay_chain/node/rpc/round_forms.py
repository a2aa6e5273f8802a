"""Where consensus is, as ``consensus_state`` and ``dump_consensus_state`` show it.

Spec:
    CometBFT consensus/types ``RoundState``, ``RoundStateSimple``, ``HeightVoteSet``; types
    ``VoteSet``, ``PartSet``, ``PeerRoundState``.
"""

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    BlockId,
    Proposal,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.primitives.types import Round, TimestampNs
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.messages import NO_ROUND
from relay_chain.consensus.votes import RoundVotes
from relay_chain.node.json_forms import JsonObject, to_base64
from relay_chain.node.reactors.bit_arrays import BitArray
from relay_chain.node.reactors.peer_state import PeerState
from relay_chain.node.reactors.ports import PartSetView
from relay_chain.node.rpc import shapes

_NIL_VOTE = "nil-Vote"
_TYPES = {VoteType.PREVOTE: "Prevote", VoteType.PRECOMMIT: "Precommit"}
_FINGERPRINT_BYTES = 6
_PROPOSAL_TYPE = 32
"""CometBFT ``SignedMsgType``, of a proposal."""


def _fingerprint(data: bytes) -> str:
    return data[:_FINGERPRINT_BYTES].ljust(_FINGERPRINT_BYTES, b"\0").hex().upper()


def vote_text(vote: Vote | None) -> str:
    """Return a vote in one line (CometBFT ``Vote.String``)."""
    if vote is None:
        return _NIL_VOTE
    name = _TYPES[vote.type]
    return (
        f"Vote{{{vote.validator_index}:{_fingerprint(vote.validator_address)} "
        f"{vote.height}/{vote.round:02d}/SIGNED_MSG_TYPE_{name.upper()}({name}) "
        f"{_fingerprint(vote.block_id.hash)} {_fingerprint(vote.signature)} "
        f"{_fingerprint(vote.extension)} @ {format_rfc3339(vote.timestamp)}}}"
    )


def _drawn(bits: tuple[bool, ...]) -> str:
    return "".join("x" if bit else "_" for bit in bits)


def bit_array_text(votes: RoundVotes) -> str:
    """Return who voted, and the share of the power (``VoteSet.BitArrayString``)."""
    bits, total = votes.bits(), votes.electorate.total_power
    hundredths = (200 * votes.power + total) // (2 * total) if total else 0
    share = f"{hundredths // 100}.{hundredths % 100:02d}"
    return f"BA{{{len(bits)}:{_drawn(bits)}}} {votes.power}/{total} = {share}"


def _height_votes_json(machine: ConsensusState) -> list[object]:
    rounds = []
    for number in range(machine.round + 1):
        pair = machine.votes.rounds.get(Round(number))
        if pair is None:
            continue
        rounds.append(
            {
                "round": number,
                "prevotes": [vote_text(vote) for vote in pair.prevotes.votes],
                "prevotes_bit_array": bit_array_text(pair.prevotes),
                "precommits": [vote_text(vote) for vote in pair.precommits.votes],
                "precommits_bit_array": bit_array_text(pair.precommits),
            }
        )
    return list[object](rounds)


def _hash_of(block_id: BlockId | None) -> str:
    return shapes.upper_hex(block_id.hash) if block_id else ""


def round_state_simple_json(machine: ConsensusState, started_at: TimestampNs) -> JsonObject:
    """Return a round in short (``RoundStateSimple``)."""
    proposer = machine.round_validators.proposer
    validators = machine.context.validators.validators
    index = next(
        (i for i, v in enumerate(validators) if proposer and v.address == proposer.address), 0
    )
    rounds, proposal = machine.rounds, machine.proposal
    return {
        "height/round/step": f"{machine.height}/{machine.round}/{int(machine.step)}",
        "start_time": format_rfc3339(started_at),
        "proposal_block_hash": _hash_of(proposal.block_id if proposal else None),
        "locked_block_hash": _hash_of(rounds.lock.block_id if rounds.lock else None),
        "valid_block_hash": _hash_of(rounds.valid_block_id),
        "height_vote_set": _height_votes_json(machine),
        "proposer": {
            "address": shapes.upper_hex(proposer.address if proposer else b""),
            "index": index,
        },
    }


def _set_json(validators: ValidatorSet | None) -> JsonObject | None:
    if validators is None:
        return None
    proposer = validators.proposer
    return {
        "validators": [shapes.validator_json(each) for each in validators.validators],
        "proposer": shapes.validator_json(proposer) if proposer else None,
    }


def _proposal_json(proposal: Proposal | None) -> JsonObject | None:
    if proposal is None:
        return None
    return {
        "Type": _PROPOSAL_TYPE,
        "height": str(proposal.height),
        "round": proposal.round,
        "pol_round": proposal.pol_round,
        "block_id": shapes.block_id_json(proposal.block_id),
        "timestamp": format_rfc3339(proposal.timestamp),
        "signature": to_base64(proposal.signature),
    }


def _vote_set_json(votes: RoundVotes | None) -> JsonObject | None:
    if votes is None:
        return None
    return {
        "votes": [vote_text(vote) for vote in votes.votes],
        "votes_bit_array": bit_array_text(votes),
        "peer_maj_23s": {
            str(peer): shapes.block_id_json(block_id) for peer, block_id in votes.claims.items()
        },
    }


def round_state_json(
    machine: ConsensusState, started_at: TimestampNs, parts: PartSetView | None
) -> JsonObject:
    """Return a round with its votes, sets and blocks (``RoundState``)."""
    rounds, proposal = machine.rounds, machine.proposal

    def block_of(block_id: BlockId | None) -> JsonObject | None:
        known = machine.blocks.get(block_id or NIL_BLOCK_ID)
        return shapes.block_json(known.block) if known else None

    lock = rounds.lock
    gathered = None
    if parts is not None:
        total, mask = parts.header.total, parts.mask()
        gathered = {
            "count/total": f"{mask.bit_count()}/{total}",
            "parts_bit_array": _bits_text(BitArray(total, mask)),
        }
    return {
        "height": str(machine.height),
        "round": machine.round,
        "step": int(machine.step),
        "start_time": format_rfc3339(started_at),
        "commit_time": format_rfc3339(started_at),
        "validators": _set_json(machine.round_validators),
        "proposal": _proposal_json(proposal),
        "proposal_block": block_of(proposal.block_id if proposal else None),
        "proposal_block_parts": gathered,
        "locked_round": lock.round if lock else NO_ROUND,
        "locked_block": block_of(lock.block_id if lock else None),
        "locked_block_parts": None,
        "valid_round": rounds.valid_round,
        "valid_block": block_of(rounds.valid_block_id),
        "valid_block_parts": None,
        "votes": _height_votes_json(machine),
        "commit_round": machine.commit_round,
        "last_commit": _vote_set_json(machine.last_commit),
        "last_validators": _set_json(machine.context.last_validators),
        "triggered_timeout_precommit": rounds.precommit_wait,
    }


def _bits_text(bits: BitArray | None) -> str | None:
    if bits is None:
        return None
    return _drawn(tuple(bits.has(index) for index in range(bits.size)))


def peer_state_json(state: PeerState) -> JsonObject:
    """Return what a peer is known to have (``PeerRoundState``)."""
    parts = state.part_set_header
    return {
        "round_state": {
            "height": str(state.height),
            "round": state.round,
            "step": int(state.step),
            "proposal": state.has_proposal,
            "proposal_block_part_set_header": {
                "total": parts.total,
                "hash": shapes.upper_hex(parts.hash),
            },
            "proposal_block_parts": _bits_text(state.parts),
            "proposal_pol_round": state.pol_round,
            "proposal_pol": _bits_text(state.pol),
            "prevotes": _bits_text(state.prevotes),
            "precommits": _bits_text(state.precommits),
            "last_commit_round": state.last_commit_round,
            "last_commit": _bits_text(state.last_commit),
            "catchup_commit_round": state.catchup_round,
            "catchup_commit": _bits_text(state.catchup),
        }
    }
