"""A file of 80-byte headers, checked as the client checks those of a message.

What lies before the first header is not there to judge it by: its own proof of work is
checked, and the times before it count as the oldest, so that no true header is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainkit.formats.bitcoin.encoding import display_hash, parse_display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend
from chainkit.formats.bitcoin.headers import HEADER_BYTES, BlockHeader, decode_header
from chainkit.formats.bitcoin.limits import MEDIAN_TIME_SPAN
from chainkit.formats.bitcoin.proof_of_work import (
    MAINNET_RULES,
    REGTEST_RULES,
    ProofOfWorkRules,
    check_proof_of_work,
    work_of,
)
from chainkit.primitives.errors import MalformedMessage

MAX_FILE_HEADERS = 4_000_000
"""Over 70 years of Bitcoin."""

MAX_HEIGHT = 0x7FFFFFFF
HEADERS_A_STEP = 256


@dataclass(frozen=True, slots=True)
class Network:
    """What headers of a network are judged by."""

    rules: ProofOfWorkRules
    versions: tuple[tuple[int, int], ...]
    """(height, least version from it on), highest first: BIP-65, BIP-66, BIP-34."""

    def minimum_version(self, height: int) -> int:
        """Return the least version of a header at ``height``."""
        return next((version for since, version in self.versions if height >= since), _ANY_VERSION)


_ANY_VERSION = -(1 << 31)
NETWORKS = {
    "mainnet": Network(MAINNET_RULES, ((388_381, 4), (363_725, 3), (227_931, 2))),
    "regtest": Network(REGTEST_RULES, ((1, 4),)),
}


@dataclass(frozen=True, slots=True)
class FileOption:
    """A setting of a check: its default is empty where it may be left out."""

    name: str
    default: str
    summary: str


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """How far a check is: after the last step, or at the first wrong header, its result."""

    checked: int
    """Headers found right."""
    total: int
    """Headers in the file."""
    facts: Mapping[str, object]
    """Heights, last hash and the work of the headers found right, in JSON's values."""
    wrong: Mapping[str, object] | None = None
    """Of the first wrong header: height, hash, and Bitcoin Core's reason."""


def _number(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= most):
        raise MalformedMessage(f"{name}: expected a whole number up to {most}")
    return int(text)


class HeaderFile:
    """What ``isthmus light-client verify bitcoin`` runs; stateless."""

    name: str = "bitcoin"
    summary: str = "Check a file of 80-byte block headers, one after the other."
    unit: str = "headers"
    example: str = "headers.bin --first-height 822528"
    max_bytes: int = MAX_FILE_HEADERS * HEADER_BYTES
    options: tuple[FileOption, ...] = (
        FileOption("first-height", "0", "Height of the file's first header."),
        FileOption("rules", "mainnet", f"Difficulty rules: {' or '.join(NETWORKS)}."),
        FileOption("first-hash", "", "Hash that the first header must have; else it is trusted."),
        FileOption(
            "period-start",
            "",
            "UNIX time of the first header of the difficulty period that the file begins in; "
            "needed where that is before the file.",
        ),
    )

    def verify(self, data: bytes, values: Mapping[str, str], now: int) -> Iterator[FileVerdict]:
        """Yield how far the check is; it ends after the last header or the first wrong one.

        Args:
            data: The file.
            values: Every one of ``options`` by name.
            now: The clock in UNIX seconds: headers over two hours ahead are wrong.

        Raises:
            MalformedMessage: The file is no row of headers, or an option not of its form.
        """
        total, rest = divmod(len(data), HEADER_BYTES)
        if rest or not 0 < total <= MAX_FILE_HEADERS:
            raise MalformedMessage(
                f"{len(data)} bytes are not 1 to {MAX_FILE_HEADERS} headers of {HEADER_BYTES}"
            )
        network = _network(values["rules"])
        point = start = _start(decode_header(data[:HEADER_BYTES]), network, values)
        try:
            _check_start(start, network, values["first-hash"])
        except BitcoinRuleBroken as error:
            yield FileVerdict(0, total, {}, _wrong(start.height, start.header, error))
            return
        for at in range(1, total):
            if at % HEADERS_A_STEP == 0:
                yield FileVerdict(at, total, _facts(start, point))
            header = decode_header(data[at * HEADER_BYTES : (at + 1) * HEADER_BYTES])
            version = network.minimum_version(start.height + at)
            try:
                point = extend(point, header, network.rules, now=now, minimum_version=version)
            except BitcoinRuleBroken as error:
                wrong = _wrong(start.height + at, header, error)
                yield FileVerdict(at, total, _facts(start, point), wrong)
                return
        yield FileVerdict(total, total, _facts(start, point))


def _network(name: str) -> Network:
    if name not in NETWORKS:
        raise MalformedMessage(f"rules: expected one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def _start(first: BlockHeader, network: Network, values: Mapping[str, str]) -> ChainPoint:
    """Return the file's first point; its work is that of its own header.

    Raises:
        MalformedMessage: An option is not of its form, or the start of the period is not known.
    """
    height = _number(values["first-height"], "first-height", MAX_HEIGHT)
    interval = network.rules.retarget_interval
    period_start = first.time
    if values["period-start"]:
        period_start = _number(values["period-start"], "period-start", 0xFFFFFFFF)
    elif network.rules.retargeting and height % interval:
        raise MalformedMessage(
            f"height {height} is {height % interval} after the start of its difficulty period: "
            "give the time of the period's first header as period-start"
        )
    unknown_times = (0,) * min(height, MEDIAN_TIME_SPAN - 1)
    return ChainPoint(first, height, work_of(first.bits), period_start, unknown_times)


def _check_start(start: ChainPoint, network: Network, first_hash: str) -> None:
    """Check what the first header says of itself.

    Raises:
        MalformedMessage: The hash that was given is no hash.
        BitcoinRuleBroken: It lacks work, or is another than was given.
    """
    check_proof_of_work(start.header, network.rules)
    if first_hash and parse_display_hash(first_hash) != start.header.hash:
        raise BitcoinRuleBroken("checkpoint mismatch", "not the first hash that was given")


def _facts(start: ChainPoint, last: ChainPoint) -> dict[str, object]:
    return {
        "first_height": start.height,
        "last_height": last.height,
        "last_hash": display_hash(last.header.hash),
        "work": f"{last.chain_work:064x}",
    }


def _wrong(height: int, header: BlockHeader, error: BitcoinRuleBroken) -> dict[str, object]:
    return {
        "height": height,
        "hash": display_hash(header.hash),
        "reason": error.reason,
        "detail": str(error),
    }


FILE_VERIFIER = HeaderFile()
"""What the command line finds."""
