"""Why RLP is refused, one class a rule. The text may change, codespace and code never do."""

from chainkit.primitives.errors import MalformedMessage

_SHOWN_BYTES = 32


class MalformedRlp(MalformedMessage):
    """Bytes are no canonical RLP, or not the RLP that was asked for."""

    codespace = "rlp"
    code = 1


class RlpTruncated(MalformedRlp):
    """An item ends after what encloses it."""

    code = 2

    def __init__(self, *, at: int) -> None:
        super().__init__(f"rlp: the item at byte {at} is cut short")
        self.at = at


class RlpHasTrailingBytes(MalformedRlp):
    """Bytes follow the outermost item."""

    code = 3

    def __init__(self, *, count: int) -> None:
        super().__init__(f"rlp: {count} bytes after the end")
        self.count = count


class RlpLengthNotMinimal(MalformedRlp):
    """A long length where a short one is due."""

    code = 4

    def __init__(self, *, at: int) -> None:
        super().__init__(f"rlp: the length at byte {at} is not minimal")
        self.at = at


class RlpLengthHasLeadingZero(MalformedRlp):
    """A long length begins with a zero byte."""

    code = 5

    def __init__(self, *, at: int) -> None:
        super().__init__(f"rlp: the length at byte {at} has a leading zero")
        self.at = at


class RlpWrappedByte(MalformedRlp):
    """A byte below 80 (hex) with a prefix: it is its own encoding."""

    code = 6

    def __init__(self, *, at: int) -> None:
        super().__init__(f"rlp: the single byte at byte {at} needs no prefix")
        self.at = at


class RlpTooDeep(MalformedRlp):
    """More lists within one another than allowed."""

    code = 7

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"rlp: lists are nested deeper than {limit}")
        self.limit = limit


class RlpTooManyItems(MalformedRlp):
    """More items than allowed."""

    code = 8

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"rlp: more than {limit} items")
        self.limit = limit


class RlpTooLarge(MalformedRlp):
    """More bytes than allowed."""

    code = 9

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(f"rlp: {size} bytes, at most {limit}")
        self.size = size
        self.limit = limit


class RlpIntegerHasLeadingZero(MalformedRlp):
    """A number with a leading zero byte; zero is the empty string."""

    code = 10

    def __init__(self, *, data: bytes) -> None:
        super().__init__(f"rlp: the number {data[:_SHOWN_BYTES].hex()} has a leading zero")
        self.data = data


class RlpIntegerTooLarge(MalformedRlp):
    """A number with more bytes than its field."""

    code = 11

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(f"rlp: a number of {size} bytes, at most {limit}")
        self.size = size
        self.limit = limit


class RlpWrongShape(MalformedRlp):
    """A list where a string is due, another count of fields, a string of another size."""

    code = 12

    def __init__(self, *, what: str) -> None:
        super().__init__(f"rlp: {what}")
        self.what = what
