"""Every bound of the ABCI server, with what happens at it."""

MAX_MESSAGE_BYTES = 104_857_600
"""CometBFT abci, ``maxMsgSize``: a longer request ends the connection."""

MAX_CONNECTIONS = 16
"""CometBFT opens four; the next one past this is closed at once."""

MAX_UNSENT_BYTES = 8 * 1024 * 1024
"""Answers that wait for a slow reader, of one connection: past it nothing more is read of it."""

MAX_ECHO_BYTES = 65_536
"""A longer Echo is refused."""
