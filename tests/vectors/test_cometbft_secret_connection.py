"""CometBFT's key derivation vectors."""

import csv

import pytest

from relay_chain.node.p2p.secret_connection import derive_secrets
from tests.vectors.support import vector_set, vectors_root

pytestmark = vector_set("cometbft/secret_connection")
FILE = vectors_root() / "cometbft" / "secret_connection_derive.csv"
CASES = list(csv.reader(FILE.read_text().splitlines())) if FILE.exists() else []


@pytest.mark.parametrize("case", CASES)
def test_keys_are_derived_as_cometbft_derives_them(case):
    """Both keys, on the right sides, and the third output are CometBFT's."""
    secret, is_lesser, receive_key, send_key, challenge = case

    secrets = derive_secrets(bytes.fromhex(secret), is_lesser=is_lesser == "true")

    assert secrets.receive_key.hex() == receive_key
    assert secrets.send_key.hex() == send_key
    assert secrets.challenge.hex() == challenge
