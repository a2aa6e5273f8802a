"""docs/protocol/utxo-chain.md says what the UTXO chain's code says."""

import re
from pathlib import Path

from chainkit.formats.bitcoin.encoding import display_hash
from parachains.utxo import codec, limits, parameters

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/protocol/utxo-chain.md").read_text()
SERVICE = "".join(path.read_text() for path in (ROOT / "parachains/utxo").glob("service*.py"))


def test_every_rpc_method_is_listed() -> None:
    """Methods and the names of their parameters, and none that is gone."""
    listed = {
        method: tuple(name for name in parameters.replace(",", " ").split())
        for method, parameters in re.findall(r"^\| `([a-z]+)` \| ([a-z_, ]*)\|", PAGE, re.MULTILINE)
    }
    served = {
        method: tuple(re.findall(r'"(\w+)"', names))
        for method, names in re.findall(r'"(\w+)": \(self\.\w+, \((.*?)\)\)', SERVICE)
    }

    assert listed == served
    assert len(served) >= 20


def test_every_reject_reason_is_listed() -> None:
    """What makes a carrier, and with it a block, invalid to our nodes."""
    sources = "".join(path.read_text() for path in (ROOT / "parachains/utxo").glob("*.py"))
    raised = set(re.findall(r'raise CarrierRefused\(\s*"([a-z-]+)"', sources))
    raised |= set(re.findall(r'return CarrierRefused\("([a-z-]+)"', sources))
    raised.add("bad-ibc-commitment")

    assert (
        set(re.findall(r"^\| `((?:carrier|escrow|payout|lot|bad)-[a-z-]+)` \|", PAGE, re.MULTILINE))
        == raised
    )
    assert len(raised) >= 7


def test_numbers_are_the_code_s() -> None:
    """Bounds and parameters on the page are those that nodes have."""
    said = [
        f"at most {limits.MAX_CARRIER_BYTES:,} bytes",
        f"up to {limits.MAX_CARRIER_MESSAGES} `Any`",
        f"{limits.MAX_CARRIER_GAS:,} a carrier, {limits.MAX_BLOCK_GAS:,} a block",
        f"an output of {limits.LOT_OUTPUT_VALUE} satoshis",
        f"at most {limits.MAX_LOTS_PER_OUTPUT} on an",
        f"up to {limits.MAX_UNDO_BLOCKS} blocks",
        f"at most {limits.MAX_HOLDINGS:,} entries",
        f"`{codec.CARRIER_TAG.decode()}`",
        f"the tag is `{parameters.ISTHMUS.commitment_tag.decode()}`",
        f"every {parameters.ISTHMUS.rules.retarget_interval} blocks",
        f"halved every {parameters.REGTEST.halving_interval} ",
        f"halved every {parameters.ISTHMUS.halving_interval:,}",
        *(f"`{each.magic.hex()}`" for each in parameters.PARAMETER_SETS.values()),
        *(f"`{name}`" for name in parameters.PARAMETER_SETS),
    ]

    assert [text for text in said if text not in PAGE] == []
    assert display_hash(parameters.REGTEST.genesis.header.hash).startswith("0f9188f1")
