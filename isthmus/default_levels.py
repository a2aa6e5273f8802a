"""The integrity levels of the default network: hub 3, zone-a 2, zone-b 1."""

from isthmus.accounts import derive_account

REGISTRAR = derive_account("alice", 0)
"""Who says which client follows a chain; ``isthmus up`` does it with this public key."""


def default_levels(prefix: str, denom: str) -> dict[str, object]:
    """Return what the hub of the default network is told of integrity, for its genesis.

    A zone of one validator is in one operator's hand, which comes to level 2 at most; zone-b's
    operator caps it at 1, so that three levels show. Nobody reports but with packets, so a
    quiet zone is no halted one.
    """
    return {
        "params": {
            "profile": "laptop",
            "epoch_blocks": 20,
            "stale_epochs": 0,
            "registrar": REGISTRAR.bech32(prefix),
            "bond": 1_000_000,
            "bond_denom": denom,
            "challenge_blocks": 10,
            "appeal_blocks": 100,
        },
        "chains": [
            {"name": "hub", "chain_id": "hub-1", "operator": "hub"},
            _zone("zone-a", {}),
            _zone("zone-b", {"cap": 1}),
        ],
    }


def _zone(name: str, more: dict[str, object]) -> dict[str, object]:
    note = "1 validator"
    return {
        "name": name,
        "chain_id": f"{name}-1",
        "operator": name,
        "declared": [{"axis": "control", "score": 1, "note": note}],
        **more,
    }
