"""Defences against bytes that only cost, each removed in turn."""

from tests.mutants.support import Mutant

HOSTILE = "tests/unit/test_hostile_inputs.py"
FUZZ = "tests/property/test_fuzz.py::test_a_decoder_gives_a_value_or_a_named_refusal"
MUTANTS = [
    Mutant(
        "hostile-json-strings-in-quadratic-time",
        "ibc/json_codec.py",
        r"""r'"(?:[^"\\]|\\.?)*+"?|[\[\]{}]'""",
        r"""r'"(?:[^"\\]|\\.)*"|[\[\]{}]'""",
        f"{FUZZ}[ibc.json_codec.decode_json]",
    ),
    Mutant(
        "hostile-client-id-in-quadratic-time",
        "ibc/ics24_host/identifiers.py",
        "_CLIENT_FORMAT.fullmatch(text) if len(text) <= _MAX_LENGTH else None",
        "_CLIENT_FORMAT.fullmatch(text)",
        f"{FUZZ}[ibc.ics24_host.identifiers.parse_client_sequence]",
    ),
    Mutant(
        "hostile-chain-id-of-any-length",
        "chainkit/primitives/heights.py",
        r"-([1-9]\d{0,19})",
        r"-([1-9]\d*)",
        f"{HOSTILE}::test_a_chain_id_of_thousands_of_digits_has_no_revision",
    ),
    Mutant(
        "hostile-text-that-is-none",
        "relay_chain/node/json_forms.py",
        "        value.encode()\n",
        "        value.isascii()\n",
        f"{HOSTILE}::test_half_of_a_pair_in_a_genesis_is_refused",
    ),
    Mutant(
        "hostile-state-that-no-connection-has",
        "ibc/ics03_connection/codec.py",
        '        raise MalformedMessage(f"no connection state {end.state}") from error\n',
        "        raise error from None\n",
        f"{HOSTILE}::test_a_state_that_no_connection_has_is_refused",
    ),
    Mutant(
        "relayer-remembers-what-is-done",
        "relayer/observer.py",
        "        self._known, self._asked = self._asked, _Memory()\n",
        "        self._known = self._asked\n",
        "tests/unit/test_relayer_observer.py::test_what_is_done_is_forgotten",
    ),
]
