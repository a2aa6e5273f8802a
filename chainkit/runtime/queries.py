"""Answers of queries: of raw store keys with ICS-23 proofs, and of gRPC methods."""

from collections.abc import Callable

from chainkit.commitments.errors import EmptyTree, VersionNotFound
from chainkit.commitments.multistore import MultiStore
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.limits import MAX_STORE_KEY_BYTES
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.abci import ProofOp, QueryResult
from chainkit.runtime.errors import InvalidHeight, InvalidRequest, UnknownRequest
from chainkit.runtime.grpc_status import description_of, query_error, status_of


def query_store(
    stores: MultiStore, name: str, key: bytes, version: int, *, prove: bool
) -> QueryResult:
    """Return the value at ``key`` (empty: absent) and, if asked, its two proofs.

    The proofs are ``ics23:iavl`` in the store and ``ics23:simple`` of the store, under the
    app hash in the header of ``version + 1``.

    Raises:
        UnknownRequest: There is no such store.
        InvalidRequest: No key, or one that no store has.
        InvalidHeight: Not kept, or nothing can be proven there.
    """
    if name not in stores.store_names:
        raise UnknownRequest(f"no such store: {name[:50]}")
    if not 0 < len(key) <= MAX_STORE_KEY_BYTES:
        raise InvalidRequest(f"key of {len(key)} bytes")
    try:
        value = stores.query(name, key, version) or b""
        proofs = stores.prove(name, key, version) if prove else None
    except VersionNotFound as error:
        raise InvalidHeight(str(error)) from error
    except EmptyTree as error:
        raise InvalidHeight(f"store {name} is empty at {version}") from error
    ops: tuple[ProofOp, ...] = ()
    if proofs is not None:
        ops = (
            ProofOp("ics23:iavl", key, proofs.iavl),
            ProofOp("ics23:simple", name.encode(), proofs.simple),
        )
    return QueryResult(key=key, value=value, height=BlockHeight(version), proof_ops=ops)


def answer_query(ask: Callable[[], bytes], height: BlockHeight) -> QueryResult:
    """Return what a gRPC method at ``height`` answers; a refusal is an answer, too."""
    try:
        return QueryResult(value=ask(), height=height)
    except RuleBroken as error:
        return refused_query(error, query_error(error), height)


def refused_query(error: RuleBroken, as_abci: RuleBroken, height: BlockHeight) -> QueryResult:
    """Return the answer that refuses a query with ``error``, in ABCI's words and in gRPC's."""
    return QueryResult(
        code=as_abci.code,
        log=str(as_abci),
        height=height,
        codespace=as_abci.codespace,
        status=status_of(error),
        description=description_of(error),
    )
