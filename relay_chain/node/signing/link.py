"""One connection between a node and its signer: whole messages over a stream.

Over TCP the stream is a secret connection, as CometBFT makes it: encrypted, and each side
shows a node key that nobody compares with anything. Over a socket file it is plain.
"""

import asyncio
import secrets

from relay_chain.node.p2p.errors import ConnectionLost
from relay_chain.node.p2p.fields import DelimitedReader, delimited
from relay_chain.node.p2p.handshake import read_some
from relay_chain.node.p2p.peer import seconds
from relay_chain.node.p2p.secret_connection import (
    Authenticated,
    Received,
    Reply,
    SecretConnection,
)
from relay_chain.node.signing.limits import ANSWER_TIMEOUT_NS, MAX_SIGNER_MESSAGE_BYTES
from relay_chain.node.signing.messages import (
    SignerMessage,
    decode_signer_message,
    encode_signer_message,
)


class SignerLink:
    """Mutable: it owns a socket, and the bytes of a message that is not whole yet."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        secret: SecretConnection | None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._secret = secret
        self._plain = DelimitedReader()

    async def agree(self) -> None:
        """Agree on keys, where the stream is to be secret; the caller sets the time limit.

        Raises:
            PeerError: The other side broke the protocol.
            ConnectionLost: The connection ended.
        """
        secret = self._secret
        if secret is None:
            return
        self._writer.write(secret.opening())
        agreed = False
        while not agreed:
            for event in secret.receive(await read_some(self._reader)):
                match event:
                    case Reply(data):
                        self._writer.write(data)
                    case Authenticated():
                        agreed = True
                    case Received(data):
                        self._plain.feed(data)

    async def send(self, message: SignerMessage) -> None:
        """Send a message.

        Raises:
            ConnectionLost: The connection ended, or the other side does not read.
        """
        data = delimited(encode_signer_message(message))
        self._writer.write(data if self._secret is None else self._secret.seal(data))
        try:
            async with asyncio.timeout(seconds(ANSWER_TIMEOUT_NS)):
                await self._writer.drain()
        except (TimeoutError, OSError) as error:
            raise ConnectionLost("the other side does not read") from error

    async def receive(self) -> SignerMessage:
        """Return the next message; the caller sets the time limit.

        Raises:
            RuleBroken: It does not decode, or a frame is not authentic.
            ConnectionLost: The connection ended.
        """
        while (message := self._plain.next_message(MAX_SIGNER_MESSAGE_BYTES)) is None:
            data = await read_some(self._reader)
            if self._secret is None:
                self._plain.feed(data)
                continue
            for event in self._secret.receive(data):
                if isinstance(event, Received):
                    self._plain.feed(event.data)
        return decode_signer_message(message)

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


def make_link(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, seed: bytes | None
) -> SignerLink:
    """Return a link over a stream: a secret one by a node key's ``seed``, or a plain one."""
    secret = None if seed is None else SecretConnection(seed, secrets.token_bytes(32))
    return SignerLink(reader, writer, secret)
