"""What the store of integrity levels holds is read as it was written."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from integrity.codec import (
    dump_lots,
    dump_packet_record,
    dump_traffic,
    dump_zone,
    load_lots,
    load_packet_record,
    load_traffic,
    load_zone,
)
from integrity.lots import Lot
from integrity.records import PacketRecord, Traffic
from integrity.rules import Content, Delivery
from integrity.zones import ZoneEntry

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text("abcxyz019-", min_size=1, max_size=8)


@given(
    st.builds(
        PacketRecord,
        source=NAMES,
        destination=NAMES,
        label=st.integers(0, 4),
        destination_level=st.integers(0, 4),
        height=st.integers(0, 2**40),
        port=NAMES,
        channel=NAMES,
        sequence=st.integers(1, 2**63),
        content=st.sampled_from(Content),
        delivery=st.sampled_from(Delivery),
        denom=TEXTS,
        amount=st.integers(0, 2**256 - 1),
        receiver=TEXTS,
        ancestors=st.lists(NAMES, max_size=3).map(tuple),
        endorsed=st.none() | st.integers(0, 4),
        endorsers=st.lists(NAMES, max_size=3).map(tuple),
    )
)
def test_a_lineage_is_read_as_it_was_written(record):
    """Whatever a zone writes into denomination and receiver, blanks and line ends too."""
    data = dump_packet_record(record)
    dump_packet_record(replace(record, sequence=record.sequence + 1))
    assert load_packet_record(data) == record


@given(
    st.lists(
        st.builds(
            Lot, st.integers(0, 4), NAMES | st.just("*"), st.integers(0, 2**40),
            st.integers(1, 2**256 - 1),
        ),
        min_size=1,
    ).map(tuple),
    st.lists(st.integers(0, 2**256 - 1), min_size=4, max_size=4),
    st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4),
)  # fmt: skip
def test_lots_entries_and_traffic_are_read_as_they_were_written(lots, amounts, counts):
    """The forms that every packet writes."""
    assert load_lots(dump_lots(lots)) == lots
    assert load_zone(dump_zone(ZoneEntry(*amounts))) == ZoneEntry(*amounts)
    assert load_traffic(dump_traffic(Traffic(*counts))) == Traffic(*counts)
