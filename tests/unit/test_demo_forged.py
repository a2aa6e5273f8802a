"""What the demo ``forged`` compares and reports: it must be able to find a defect."""

from dataclasses import replace

import pytest

from chainkit.commitments.multistore import MultiStore
from chainkit.modules.auth import ACCOUNT_PREFIX
from chainkit.modules.bank import balance_key
from chainkit.runtime.addresses import module_address
from chainkit.sigverify.secp256k1 import secp256k1_address
from demos.forged.blocks import compare
from demos.forged.copies import NodeCopy
from demos.forged.judge import NO_OP, Payer, name_of
from demos.forged.report import Report, describe
from isthmus.adapters.sqlite import SqliteDatabase
from parachains.zone.accounts import Account, Key

PAYER = Payer("hub-1", Key(b"\x01" * 32, "isthmus"), "uisth", Account(7, 0))
ADDRESS = secp256k1_address(PAYER.key.public_key)
FEES = {
    ("acc", ACCOUNT_PREFIX + ADDRESS): b"sequence",
    ("bank", balance_key(ADDRESS, "uisth")): b"paid",
    ("bank", balance_key(module_address("fee_collector"), "uisth")): b"taken",
}
SIGNED = {("slashing", b"\x02missed"): b"\x01"}
GOOD = Report(
    attempts=2_001,
    accepted=0,
    accepted_forgeries=(),
    inert=1,
    inert_by_class={"header_byte": 1},
    refused=2_000,
    refusals={"commitment/2 InvalidProof": 2_000},
    classes={"header_byte": 2_001},
    classes_through_rpc=15,
    through_rpc=(
        {"class": "header_byte", "forgery": "byte 1", "height": 9, "refusal": "07-tendermint/6"},
    ),
    judged_otherwise=(),
    at_the_door={"packet_replayed": "channel/22 RedundantTransaction"},
    blocks_compared=1,
    fee_changes=3,
    signing_record_changes=0,
    other_changes=(),
    originals={"receive": True},
    seconds=60.0,
    seconds_by_part={},
)


def node_with(home, *blocks):
    """A node's committed state: one block for each set of changes, after a first of all keys."""
    (home / "data").mkdir(parents=True)
    database = SqliteDatabase(home / "data" / "application.db")
    stores = MultiStore(database, ["acc", "bank", "ibc", "slashing"])
    first = dict.fromkeys((*FEES, *SIGNED, ("ibc", b"held")), b"before")
    for changes in (first, *blocks):
        for (name, key), value in changes.items():
            if value is None:
                stores.store(name).delete(key)
            else:
                stores.store(name).set(key, value)
        stores.commit()
    database.close()
    return NodeCopy(home)


def test_fees_and_signing_records_are_not_changes_of_a_forgery(tmp_path):
    """Of a refused transaction its fee and sequence stay, and every block counts its signers."""
    copy = node_with(tmp_path, FEES | SIGNED)

    compared = compare(copy, PAYER, [2])

    assert (compared.fees, compared.signing_records, compared.others) == (3, 1, ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({("ibc", b"receipt"): b"\x01"}, "ibc/b'receipt': absent -> 01"),
        ({("ibc", b"held"): None}, "ibc/b'held': 6265666f7265 -> absent"),
        ({("ibc", b"held"): b"other"}, "ibc/b'held': 6265666f7265 -> 6f74686572"),
        ({("bank", balance_key(ADDRESS, "ibc/AA")): b"9"}, "absent -> 39"),
        ({("acc", b"\x02"): b"7"}, "acc/b'\\x02': absent -> 37"),
    ],
)
def test_whatever_else_changes_is_found(tmp_path, changes, said):
    """A key written, removed or overwritten in any store is told with its values."""
    copy = node_with(tmp_path, FEES | changes)

    (found,) = compare(copy, PAYER, [2]).others

    assert said in found
    assert found.startswith("block 2, ")


@pytest.mark.parametrize(
    "changes",
    [
        {"accepted": 1, "accepted_forgeries": ("a byte",)},
        {"attempts": 2_000},
        {"classes_through_rpc": 14},
        {"judged_otherwise": ("a byte",)},
        {"other_changes": ("block 9",)},
        {"at_the_door": {"packet_replayed": ""}},
        {"originals": {"receive": False}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_demo_that_shows_less_fails(changes):
    """Each claim of the result is checked; one that does not hold is said."""
    assert GOOD.failures() == ()
    assert len(replace(GOOD, **changes).failures()) == 1


def test_a_person_reads_what_was_refused():
    """Without --json the counts, the refusals and the classes in blocks are in words."""
    text = describe(GOOD)

    assert "2001" in text
    assert "commitment/2 InvalidProof" in text
    assert "block 9: 07-tendermint/6" in text


def test_refusals_have_the_names_of_their_rules():
    """A code is named by the class nearest to the root; an unknown one by its numbers."""
    assert name_of("commitment", 2) == "commitment/2 InvalidProof"
    assert name_of("channel", 22) == "channel/22 RedundantTransaction"
    assert name_of("sdk", 32) == "sdk/32 WrongSequence"
    assert name_of("of nobody", 9) == "of nobody/9"
    assert name_of("", 0) == NO_OP
