"""Our message schemas against those of two foreign packages, message by message.

cosmpy (Fetch.ai) and cosmospy-protobuf carry modules that protoc generated from the
chains' own sources. Whatever both sides define must agree in number, name, type, label,
oneof and nullability; a difference that comes from a version is listed with its reason.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".venv" / "foreign"
SCRIPT = Path(__file__).with_name("foreign_schema.py")
GOOGLE_API = "googleapis-common-protos==1.70.0"
PACKAGES = {
    "cosmpy": ("cosmpy==0.12.2", "cosmpy/protos", ""),
    "cosmospy": ("cosmospy-protobuf==0.4.0", "cosmospy_protobuf", "cosmospy_protobuf"),
}
LEAST_SHARED_MESSAGES = {"cosmpy": 300, "cosmospy": 300}

_OLDER: dict[str, tuple[str, ...]] = {
    "Cosmos SDK v0.45 lacks fields that v0.53 has": (
        "cosmos.bank.v1beta1.Metadata.uri",
        "cosmos.bank.v1beta1.Metadata.uri_hash",
        "cosmos.bank.v1beta1.QueryAllBalancesRequest.resolve_denom",
        "cosmos.base.abci.v1beta1.Result.msg_responses",
        "cosmos.base.abci.v1beta1.TxMsgData.msg_responses",
        "cosmos.base.node.v1beta1.ConfigResponse",
        "cosmos.base.tendermint.v1beta1.GetBlockByHeightResponse.sdk_block",
        "cosmos.base.tendermint.v1beta1.GetLatestBlockResponse.sdk_block",
        "cosmos.staking.v1beta1.MsgUndelegateResponse.amount",
        "cosmos.staking.v1beta1.Params.min_commission_rate",
        "cosmos.tx.signing.v1beta1.SignMode.SIGN_MODE_DIRECT_AUX",
        "cosmos.tx.v1beta1.AuthInfo.tip",
        "cosmos.tx.v1beta1.GetTxsEventRequest",
        "cosmos.tx.v1beta1.GetTxsEventResponse.total",
        "cosmos.tx.v1beta1.TxBody.timeout_timestamp",
        "cosmos.tx.v1beta1.TxBody.unordered",
    ),
    "liquid staking, a fork of the staking module (Cosmos Hub's v0.45-lsm)": (
        "cosmos.staking.v1beta1.Delegation.validator_bond",
        "cosmos.staking.v1beta1.MsgEditValidator.min_self_delegation",
        "cosmos.staking.v1beta1.Params.global_liquid_staking_cap",
        "cosmos.staking.v1beta1.Params.validator_bond_factor",
        "cosmos.staking.v1beta1.Params.validator_liquid_staking_cap",
        "cosmos.staking.v1beta1.Validator.liquid_shares",
        "cosmos.staking.v1beta1.Validator.validator_bond_shares",
    ),
    "ibc-go v4 lacks fields that v10 has, and named two otherwise": (
        "ibc.applications.transfer.v1.GenesisState",
        "ibc.applications.transfer.v1.MsgTransfer.encoding",
        "ibc.core.channel.v1.MsgChannelOpenTryResponse.channel_id",
        "ibc.core.channel.v1.ResponseResultType.RESPONSE_RESULT_TYPE_FAILURE",
        "ibc.core.client.v1.MsgCreateClientResponse.client_id",
        "ibc.core.client.v1.MsgUpdateClient.client_message",
        "ibc.core.connection.v1.MsgConnectionOpenAck.host_consensus_state_proof",
        "ibc.core.connection.v1.MsgConnectionOpenTry.host_consensus_state_proof",
    ),
    "ics23 was moved from package ics23 to cosmos.ics23.v1 with the same fields": (
        "ibc.core.commitment.v1.MerkleProof.proofs",
        "ibc.lightclients.tendermint.v1.ClientState.proof_specs",
    ),
    "Tendermint 0.34's ABCI and parameters; 0.38 has ABCI 2.0": (
        "tendermint.abci.EventAttribute",
        "tendermint.abci.Request",
        "tendermint.abci.RequestInfo.abci_version",
        "tendermint.abci.RequestInitChain.consensus_params",
        "tendermint.abci.Response",
        "tendermint.abci.ResponseCheckTx",
        "tendermint.abci.ResponseCommit.data",
        "tendermint.abci.ResponseInitChain.consensus_params",
        "tendermint.abci.TxResult.result",
        "tendermint.abci.VoteInfo",
        "tendermint.types.BlockParams.time_iota_ms",
        "tendermint.types.ConsensusParams",
        "tendermint.types.VersionParams.app",
        "tendermint.types.Vote.extension",
        "tendermint.types.Vote.extension_signature",
    ),
}
REASONS = {
    # cosmpy follows the versions that we follow: nothing may differ.
    "cosmpy": frozenset[str](),
    "cosmospy": frozenset(name for names in _OLDER.values() for name in names),
}
"""Package -> the messages and fields in which it follows another version, reasons above."""


def _schema(root: Path, prefix: str, *paths: Path) -> dict:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(root), prefix, *map(str, paths)],
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours() -> dict:
    root = REPOSITORY / "chainkit" / "wire" / "proto"
    return _schema(root, "chainkit.wire.proto", REPOSITORY)


def _foreign(package: str) -> dict:
    requirement, folder, prefix = PACKAGES[package]
    target = CACHE / requirement
    if not target.is_dir():
        installed = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--target",
                str(target),
                requirement,
                GOOGLE_API,
            ],
            capture_output=True,
            check=False,
            timeout=120,
        )
        if installed.returncode != 0:
            pytest.skip(f"{requirement} can't be installed here (no package registry)")
    root = target / folder
    return _schema(root, prefix, target if prefix else root, target)


def _differences(ours: dict, theirs: dict) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in ("messages", "enums"):
        for name in ours[kind].keys() & theirs[kind].keys():
            mine, other = ours[kind][name], theirs[kind][name]
            for number in mine.keys() | other.keys():
                if mine.get(number) != other.get(number):
                    value = mine.get(number) or other.get(number)
                    label = value if isinstance(value, str) else value["name"]
                    found[f"{name}.{label}"] = (
                        f"ours {mine.get(number)}, theirs {other.get(number)}"
                    )
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_shared_message_agrees_with_a_foreign_schema(package: str, ours: dict) -> None:
    """
    Numbers, types, labels and nullability are those that other clients send and expect.
    """
    theirs = _foreign(package)
    shared = ours["messages"].keys() & theirs["messages"].keys()
    found = _differences(ours, theirs)
    explained = {
        field: reason
        for field in found
        for reason in (field, field.rpartition(".")[0])
        if reason in REASONS[package]
    }
    unexplained = {field: found[field] for field in found.keys() - explained.keys()}

    assert len(shared) >= LEAST_SHARED_MESSAGES[package]
    assert not unexplained, json.dumps(unexplained, indent=1, sort_keys=True)
    assert set(explained.values()) == REASONS[package], "a reason that explains nothing"


def test_a_changed_number_would_be_noticed(ours: dict) -> None:
    """
    The comparison sees a moved field, a changed type and a lost nullability.
    """
    for change in ({"type": 1}, {"nullable": False}, {"label": "repeated"}, {"name": "other"}):
        changed = json.loads(json.dumps(ours))
        changed["messages"]["ibc.core.client.v1.Height"]["1"].update(change)
        assert _differences(ours, changed)
    moved = json.loads(json.dumps(ours))
    height = moved["messages"]["ibc.core.client.v1.Height"]
    height["7"] = height.pop("1")

    assert _differences(ours, moved)
    assert not _differences(ours, ours)
