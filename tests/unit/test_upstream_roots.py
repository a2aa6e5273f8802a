"""Roots that cosmos/iavl 1.2.6, cosmossdk.io/store 1.1.2 and cometbft 0.38.17 computed.

Typed from their output for the operations below: our hashing is by the specification, and
these facts say that it is theirs.
"""

from collections.abc import Iterator
from hashlib import sha256

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.multistore import MultiStore, root_of_stores
from chainkit.formats.tendermint.hashing import consensus_params_hash, results_hash
from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.types import Hash32

IAVL_ROOTS = (
    "bbe33cd0a785b97b9fb1f964aa71159dacd9e0ade84df7403dc0f9dc24818404",
    "99e81caeea2251eebef3b2a11c46f9401fa0abee4c7762e61e77465135a63af7",
    "facaecfa11d9c57f000e87d5d7e7229402f065895d999bf29146329e744910e0",
    "433658c6b83711551744f453b95cb31fe2590c3ce2b22901945de3f20e1b6064",
    "433658c6b83711551744f453b95cb31fe2590c3ce2b22901945de3f20e1b6064",
    "1bb1195e6eeee2abe4837bf62d6fa078ff3fbc0a82f9dff732c2f2042ed75ff6",
)
COMMIT_INFO_HASH = "3eb8d5239c4b12059ba04f49329ff5929d1e0627c7f6e4258b9f688724440bab"


def versions() -> Iterator[list[tuple[bytes, bytes | None]]]:
    """Yield each version's writes; None deletes."""
    yield [(b"a", b"1")]
    yield [(b"key%03d" % i, b"value %d" % i) for i in range(40)]
    yield [(b"key%03d" % (i * 37 % 101), sha256(b"%d" % i).digest()) for i in range(101)]
    yield [*((b"key%03d" % (i * 3), None) for i in range(33)), (b"\x00\xff", b"\x00")]
    yield []
    yield [(b"key%03d" % i, None) for i in range(101) if i % 3 or i == 99][:-1]


def test_iavl_roots_are_those_of_cosmos_iavl() -> None:
    """
    Inserts, updates, rotations, deletes and an empty version lead to upstream's root each time.
    """
    stores = MultiStore(MemoryDatabase(), ["x"])
    roots = []
    for writes in versions():
        store = stores.store("x")
        for key, value in writes:
            if value is None:
                store.delete(key)
            else:
                store.set(key, value)
        version = stores.commit().version
        roots.append(stores.at(version).roots["x"].hex())

    assert tuple(roots) == IAVL_ROOTS


def test_the_root_over_stores_is_that_of_the_sdk() -> None:
    """
    ``CommitInfo.Hash`` of five stores, in whatever order they come.
    """
    names = ("transfer", "acc", "staking", "bank", "ibc")
    root = root_of_stores({name: Hash32(sha256(name.encode()).digest()) for name in names})

    assert root.hex() == COMMIT_INFO_HASH


def test_parameters_and_results_hash_as_in_cometbft() -> None:
    """
    ``HashConsensusParams`` of its defaults and of others; ``ABCIResults.Hash``, logs left out.
    """
    results = ((0, b"one", 10, 7), (5, b"", 0, 0), (0, b"", 200_000, 123_456))

    assert consensus_params_hash(ConsensusParams(block_max_bytes=22_020_096)).hex() == (
        "048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f"
    )
    assert consensus_params_hash(ConsensusParams(block_max_bytes=200_000)).hex() == (
        "ee37e49bce66d0b0f54ad2c0b56f972a6b53eac6bc79bdf6a0fa0f0d0c4e5475"
    )
    assert results_hash(results).hex() == (
        "29f2f2db3bd2b2f13329dcdcd4d01fc95ff095bbeaaffbddd8a2c124bd38ec1f"
    )
    assert results_hash(()).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
