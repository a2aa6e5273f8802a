"""Messages through their handlers: whatever a transaction asks for, the block goes on.

An exception that is no refusal would stop every validator at the same height. Two worlds: a hub
with its own modules, and a chain with an open channel and packets under way whose light client
takes what a test says. Nothing is kept: each message runs in a savepoint that is discarded.
"""

from collections.abc import Sequence
from functools import cache

from google.protobuf.message import Message

from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRouter
from chainkit.wire.codec import encode, type_url
from fuzz import corpus
from ibc.ics02_client.port import AnyValue
from ibc.testing.chain import TestChain
from ibc.testing.path import written_acknowledgements
from tests.unit.ibc_worlds import address, send, transfer_message, two_chains

MODULES = ("ibc.", "chainkit.modules.", "relay_chain.app.")
"""Where the decoders of messages are."""


def handle(router: MessageRouter, ctx: Context, value: AnyValue) -> None:
    """Run one message as a transaction would, and forget what it did."""
    route = router.route(value.type_url)
    message = route.decode(value.value)
    with ctx.savepoint() as savepoint:
        route.handle(ctx, message)
        savepoint.discard()


def stored_messages(router: MessageRouter) -> list[AnyValue]:
    """Return the corpus's messages that a route of ``router`` decodes."""
    found = []
    names = [path.name.removesuffix(".json") for path in sorted(corpus.FOLDER.glob("*.json"))]
    for name in names:
        if not name.startswith(MODULES) or ".decode_" not in name:
            continue
        for seed in corpus.load(name, "bytes")[0]:
            found += [AnyValue(url, seed) for url in router.type_urls() if _fits(router, url, seed)]
    return found


def _fits(router: MessageRouter, url: str, data: object) -> bool:
    try:
        router.route(url).decode(data)
    except Exception:  # noqa: BLE001 - whatever it says, it is no seed
        return False
    return True


@cache
def ibc_world() -> tuple[TestChain, Sequence[AnyValue]]:
    """Return a chain in the middle of traffic, and messages that it would take now."""
    path = two_chains()
    send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 10)
    done = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 7)
    _, events = path.recv(path.b, done)
    packet, answer = written_acknowledgements(events)[0]
    back = send(path.b, "bob", address(path.a.chain, "alice"), VOUCHER, 3)
    messages: list[Message] = [
        transfer_message(path.a, "alice", "someone", "uatom", 5),
        transfer_message(path.a, "alice", "someone", "uatom", 5, memo=FORWARD),
        path.ack_message(path.a, packet, answer),
        path.recv_message(path.a, back),
        path.timeout_message(path.a, packet),
    ]
    seeds = tuple(AnyValue(type_url(message), encode(message)) for message in messages)
    return path.a.chain, seeds


VOUCHER = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"
FORWARD = '{"forward":{"receiver":"x","port":"transfer","channel":"channel-0"}}'
