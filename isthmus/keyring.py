"""A person's own keys for a network: ``keys.json`` in its home, readable by its owner only.

The words stand in the file as they are: it is for networks where nothing is worth stealing.
"""

from pathlib import Path

import msgspec
from mnemonic import Mnemonic

from chainkit.primitives.errors import RuleBroken
from isthmus.accounts import Account, derive_account
from isthmus.errors import DamagedFile
from relay_chain.node.files import write_durably

KEYS_FILE = "keys.json"
MAX_KEYS = 1_000
WORDS_STRENGTH_BITS = 256
_WORDS = Mnemonic("english")


class BadKey(RuleBroken):
    """A key of that name cannot be added or is not there."""


class KeyEntry(msgspec.Struct, frozen=True):
    """One key: its phrase and place, from which it is derived."""

    name: str
    mnemonic: str
    index: int = 0

    def account(self) -> Account:
        """Return the key."""
        return derive_account(self.name, self.index, self.mnemonic)


def read_keys(home: Path) -> tuple[KeyEntry, ...]:
    """Return the keys of a home; none where there is no file.

    Raises:
        DamagedFile: The file is not of its form.
    """
    path = home / KEYS_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=tuple[KeyEntry, ...])
    except FileNotFoundError:
        return ()
    except msgspec.DecodeError as error:
        raise DamagedFile(path=path, reason=str(error)) from error
    for entry in found:
        if not _WORDS.check(entry.mnemonic):
            raise DamagedFile(path=path, reason=f"{entry.name}: the words are no phrase")
    return found


def add_key(home: Path, name: str, *, mnemonic: str = "", index: int = 0) -> KeyEntry:
    """Add a key and return it; without ``mnemonic``, 24 new words.

    Raises:
        BadKey: The name is taken, the words are no BIP-39 phrase, or there are too many keys.
        DamagedFile: The file is not of its form.
    """
    keys = read_keys(home)
    if any(entry.name == name for entry in keys):
        raise BadKey(f"there is a key named {name} already")
    if len(keys) >= MAX_KEYS:
        raise BadKey(f"expected at most {MAX_KEYS} keys")
    words = " ".join(mnemonic.split()) or _WORDS.generate(WORDS_STRENGTH_BITS)
    if not _WORDS.check(words):
        raise BadKey("expected the 12 to 24 words of a BIP-39 phrase")
    entry = KeyEntry(name, words, index)
    data = msgspec.json.format(msgspec.json.encode((*keys, entry)), indent=2)
    write_durably(home / KEYS_FILE, data, mode=0o600)
    return entry
