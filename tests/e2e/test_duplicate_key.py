"""One validator key on two machines: found out, punished, and the chain goes on."""

from pathlib import Path
from typing import Any

import pytest

from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.slashing.v1beta1 import query_pb2 as slashing_query
from chainkit.wire.proto.cosmos.slashing.v1beta1 import tx_pb2 as slashing_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query
from isthmus.config import ChainSpec
from relay_chain.app.slashing_errors import StillJailed
from tests.e2e.network import Process, clone, make_chain, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(420)]

SPEC = ChainSpec(
    name="hub",
    kind="hub",
    validators=4,
    denom="uisth",
    timeout_propose_ms=1_500,
    timeout_commit_ms=200,
)
STAKE = 10_000_000
WITHIN_BLOCKS = 5


def evidence_in(block: Any) -> list[Any]:
    return block["evidence"]["evidence"] or []


def first_evidence(node: Process, height: int) -> tuple[int, Any]:
    """The height of the first block from ``height`` on with evidence, and its first piece."""
    found: list[tuple[int, Any]] = []
    seen = height

    def look() -> bool:
        nonlocal seen
        while not found and seen <= node.height():
            found.extend((seen, piece) for piece in evidence_in(node.block(seen)))
            seen += 1
        return bool(found)

    wait_until(look, seconds=180, what="evidence in a block")
    return found[0]


def test_a_key_run_twice_is_slashed_and_jailed(tmp_path: Path) -> None:
    """
    The two votes are evidence in a block at most five after them; with that block the
    offender loses its share, is jailed for ever and two heights later no validator, and the
    other three go on.
    """
    chain = make_chain(tmp_path / "net", SPEC)
    nodes = chain.nodes
    with running(nodes):
        wait_until(lambda: min(n.height() for n in nodes) >= 3, seconds=90, what="height 3")
        before = nodes[0].height()
        twin = clone(nodes[3], tmp_path / "twin", nodes)
        with running([twin]):
            taken_at, piece = first_evidence(nodes[0], before)
        offender = piece["value"]["vote_a"]["validator_address"]
        voted_at = int(piece["value"]["vote_a"]["height"])
        wait_until(
            lambda: min(node.height() for node in nodes[:3]) >= taken_at + 6,
            seconds=120,
            what="six more heights of the three",
        )

        print(f"evidence of height {voted_at} in block {taken_at}")
        assert piece["type"] == "tendermint/DuplicateVoteEvidence"
        assert offender == nodes[3].rpc("status")["validator_info"]["address"]
        assert voted_at < taken_at <= voted_at + WITHIN_BLOCKS
        results = nodes[0].rpc("block_results", height=str(taken_at))
        slashes = [e for e in results["finalize_block_events"] if e["type"] == "slash"]
        words = {a["key"]: a["value"] for a in slashes[0]["attributes"]}
        assert words["reason"] == "double_sign"
        assert words["burned_coins"] == str(STAKE // 20)
        assert offender in nodes[0].validators(taken_at + 1)
        for height in range(taken_at + 2, taken_at + 7):
            assert offender not in nodes[0].validators(height)
            assert len(nodes[0].validators(height)) == 3
        last = nodes[0].rpc("commit", height=str(taken_at + 4))["signed_header"]["commit"]
        assert len(last["signatures"]) == 3

        status = nodes[0].ask(
            "/cosmos.staking.v1beta1.Query/Validators",
            staking_query.QueryValidatorsRequest(),
            staking_query.QueryValidatorsResponse,
        )
        tokens = {
            each.description.moniker: (each.jailed, int(each.tokens)) for each in status.validators
        }
        assert tokens.pop("hub-3") == (True, STAKE - STAKE // 20)
        assert set(tokens.values()) == {(False, STAKE)}
        infos = nodes[0].ask(
            "/cosmos.slashing.v1beta1.Query/SigningInfos",
            slashing_query.QuerySigningInfosRequest(),
            slashing_query.QuerySigningInfosResponse,
        )
        assert sum(info.tombstoned for info in infos.info) == 1

        alice, operator = chain.wallet(0), chain.operator(3)
        given = bank_tx.MsgSend(
            from_address=alice.address, to_address=operator.address, amount=[alice.coin(1_000)]
        )
        assert alice.send(given)["tx_result"]["code"] == 0
        refused = operator.send(slashing_tx.MsgUnjail(validator_addr=operator.operator))
        assert refused["tx_result"]["code"] == StillJailed.code
        assert refused["tx_result"]["codespace"] == StillJailed.codespace
