"""Peer exchange's defences."""

from tests.mutants.support import Mutant

_REACTOR = "relay_chain/node/reactors/pex.py"
_BOOK = "relay_chain/node/p2p/address_book.py"
_TESTS = "tests/unit/test_pex.py"

MUTANTS = [
    Mutant(
        "pex-unsolicited-addresses-taken",
        _REACTOR,
        "                if not known.is_asked:\n",
        "                if False:\n",
        f"{_TESTS}::test_addresses_that_nobody_asked_for_drop_the_peer",
    ),
    Mutant(
        "pex-answers-for-whoever-asks",
        _REACTOR,
        "        if known.requests > PEX_FREE_REQUESTS and too_soon:\n",
        "        if False:\n",
        f"{_TESTS}::test_a_peer_that_asks_too_often_is_dropped",
    ),
    Mutant(
        "pex-inbound-peer-says-where-it-is",
        _REACTOR,
        "        host, _ = parse_host_port(peer.address)\n        _, port",
        "        host, port",
        f"{_TESTS}::test_an_inbound_peer_is_known_by_the_machine_that_it_came_from",
    ),
    Mutant(
        "pex-one-source-fills-the-book",
        _BOOK,
        "self._told[source] >= MAX_BOOK_ADDRESSES_OF_SOURCE",
        "False",
        f"{_TESTS}::test_one_peer_fills_a_small_part_of_the_book",
    ),
    Mutant(
        "pex-hearsay-replaces-an-address",
        _BOOK,
        "            if is_own_word and known.address != address:\n",
        "            if known.address != address:\n",
        f"{_TESTS}::test_hearsay_replaces_no_address",
    ),
    Mutant(
        "pex-private-addresses-dialled",
        _BOOK,
        "    return address.is_global or not strict\n",
        "    return True\n",
        f"{_TESTS}::test_hearsay_is_dialled_only_at_addresses",
    ),
]
