"""RLP: what is refused, each by its own name, in the extension and in its Python twin."""

import pytest

from chainkit.wire.rlp import (
    decode,
    decode_python,
    decode_uint,
    encode,
    encode_list,
    encode_list_python,
    encode_python,
    encode_uint,
)
from chainkit.wire.rlp_errors import (
    RlpHasTrailingBytes,
    RlpIntegerHasLeadingZero,
    RlpIntegerTooLarge,
    RlpLengthHasLeadingZero,
    RlpLengthNotMinimal,
    RlpTooDeep,
    RlpTooLarge,
    RlpTooManyItems,
    RlpTruncated,
    RlpWrappedByte,
)

REFUSED = [
    ("", RlpTruncated),
    ("83646f", RlpTruncated),
    ("c88363617483646f", RlpTruncated),
    ("c283", RlpTruncated),
    ("c5c283616263", RlpTruncated),
    ("b9", RlpTruncated),
    ("bfffffffffffffffff00", RlpTruncated),
    ("f9ffff", RlpTruncated),
    ("8000", RlpHasTrailingBytes),
    ("c0c0", RlpHasTrailingBytes),
    ("0000", RlpHasTrailingBytes),
    ("b801ff", RlpLengthNotMinimal),
    ("b837" + "00" * 55, RlpLengthNotMinimal),
    ("f801c0", RlpLengthNotMinimal),
    ("b90038" + "00" * 56, RlpLengthHasLeadingZero),
    ("f90038" + "00" * 56, RlpLengthHasLeadingZero),
    ("8100", RlpWrappedByte),
    ("817f", RlpWrappedByte),
    ("c28101", RlpWrappedByte),
]


@pytest.mark.parametrize("read", [decode, decode_python])
@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_what_is_not_canonical_is_refused_by_name(read, text, error):
    """Each rule has its own error, alone and within a list."""
    raw = bytes.fromhex(text)

    with pytest.raises(error):
        read(raw)


@pytest.mark.parametrize("read", [decode, decode_python])
def test_limits_are_exact(read):
    """The size, the count of items and the depth that are allowed pass, one more does not."""
    three = encode((b"a", (b"b",)))

    assert read(three, max_bytes=len(three), max_items=4, max_depth=2) == (b"a", (b"b",))
    with pytest.raises(RlpTooLarge, match="4 bytes, at most 3"):
        read(three, max_bytes=3)
    with pytest.raises(RlpTooManyItems, match="more than 3"):
        read(three, max_items=3)
    with pytest.raises(RlpTooDeep, match="deeper than 1"):
        read(three, max_depth=1)
    assert read(b"a", max_depth=0) == b"a"
    with pytest.raises(RlpTooDeep):
        read(b"\xc0", max_depth=0)
    with pytest.raises(RlpTooManyItems):
        read(b"a", max_items=0)


@pytest.mark.parametrize("read", [decode, decode_python])
def test_hostile_nesting_and_huge_lists_end_soon(read):
    """Ten thousand lists within one another, and a list of a million, are refused by a limit."""
    nested = b""
    for _ in range(10_000):
        nested = encode_list([nested])

    with pytest.raises(RlpTooDeep):
        read(nested)
    with pytest.raises(RlpTooManyItems):
        read(encode_list([b"\x80" * 1_100_000]))


@pytest.mark.parametrize("write", [encode, encode_python])
def test_only_bytes_and_tuples_are_items(write):
    """A list, a number or a text is a defect of ours, not an item."""
    for item in ([b"a"], 1, "a", (b"a", None), bytearray(b"a")):
        with pytest.raises(TypeError, match="bytes and tuples"):
            write(item)


@pytest.mark.parametrize("size", [0, 1, 2, 55, 56, 57, 255, 256, 257, 65_535, 65_536, 70_000])
def test_lengths_around_each_form(size):
    """Strings and lists of every form of length are the twin's bytes, and decode to themselves."""
    for item in (b"\x80" * size, (b"\x01",) * size, (b"\x81" * size,)):
        raw = encode(item)

        assert raw == encode_python(item)
        assert decode(raw) == item
    assert encode_list([b"\x01"] * size) == encode_list_python([b"\x01"] * size)


def test_numbers():
    """Numbers are minimal; leading zeros and more bytes than the field has are refused."""
    for number in (0, 1, 127, 128, 255, 256, 2**64 - 1, 2**256 - 1):
        assert decode_uint(encode_uint(number)) == number
    assert encode_uint(0) == b""
    assert encode_uint(256) == b"\x01\x00"
    for data in (b"\x00", b"\x00\x01"):
        with pytest.raises(RlpIntegerHasLeadingZero):
            decode_uint(data)
    with pytest.raises(RlpIntegerTooLarge, match="9 bytes, at most 8"):
        decode_uint(b"\x01" * 9, max_bytes=8)
    with pytest.raises(RlpIntegerTooLarge):
        decode_uint(b"\x01" * 33)
