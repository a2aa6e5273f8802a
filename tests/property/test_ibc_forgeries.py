"""Random edits of true messages: whatever is cut, copied or overwritten, nothing is accepted."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from demos.forged.attempts import (
    ACKNOWLEDGE,
    ADJACENT,
    CONNECT,
    RECEIVE,
    TIME_OUT,
    TRY,
    UPDATE,
    originals,
)
from demos.forged.values import Attempt, Kind, Verdict
from ibc.ics02_client.port import AnyValue
from tests.linked_zones import linked_zones

NAMES = (RECEIVE, ACKNOWLEDGE, TIME_OUT, TRY, CONNECT, ADJACENT, UPDATE)
SIZES = (1, 2, 4, 8, 20, 32, 34, 64, 100)
"""Of heights, addresses, hashes, children and signatures, and of nothing in particular."""

pieces = st.one_of(
    st.binary(max_size=8),
    st.sampled_from((b"\x0a\x00", b"\x12\x00", b"\x1a\x00", b"\x08\x01")),
    st.sampled_from((b"\xff" * 9 + b"\x01", b"\x80" * 10 + b"\x01", b"\xff" * 5)),
)
edits = st.lists(
    st.tuples(
        st.sampled_from(("cut", "copy", "insert", "overwrite", "splice")),
        st.integers(0, 10_000),
        st.sampled_from(SIZES),
        pieces,
        st.sampled_from(NAMES),
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def linked():
    return linked_zones()


@pytest.fixture(scope="module")
def judge(linked):
    judge = linked.judge()
    judge.admit(originals(linked.evidence))
    return judge


def edited(body, edit, true):
    """``body`` after one edit; positions beyond its end wrap around."""
    what, place, size, piece, other = edit
    start = place % (len(body) + 1)
    end = min(start + size, len(body))
    match what:
        case "cut":
            return body[:start] + body[end:]
        case "copy":
            return body[:end] + body[start:]
        case "insert":
            return body[:start] + piece + body[start:]
        case "overwrite":
            return body[:start] + piece + body[start + len(piece) :]
        case _:
            return body[:start] + true[other].value[start : start + size] + body[end:]


@settings(max_examples=150)
@given(name=st.sampled_from(NAMES), history=edits)
@example(name=UPDATE, history=[("insert", 10_000, 1, b"\x12\x00", UPDATE)])
def test_an_edited_message_is_never_accepted(linked, judge, name, history):
    """
    It is refused by a rule, or leads to the state of the true message; nothing raises.
    """
    true = originals(linked.evidence)
    value, signer = true[name].value, linked.evidence.host_signer.encode()
    body, tail = value[: -len(signer) - 2], value[-len(signer) - 2 :]
    for edit in history:
        body = edited(body, edit, true)

    forged = Attempt(Kind.MESSAGE_BYTE, name, AnyValue(true[name].type_url, body + tail), name)

    assert judge.judge(forged).verdict is not Verdict.ACCEPTED
