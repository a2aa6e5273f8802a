"""Defences of the gRPC server, the REST gateway and the mempool behind them."""

from tests.mutants.support import Mutant

_CONNECTION = "isthmus/adapters/grpc_connection.py"
_SERVER = "isthmus/adapters/grpc_server.py"
_REST = "isthmus/adapters/rest_server.py"
_METHODS = "relay_chain/node/api/methods.py"
_JSON = "relay_chain/node/api/json_forms.py"
_FIELDS = "relay_chain/node/api/request_fields.py"
_T_ADAPTERS = "tests/unit/test_adapters_grpc.py"
_GENTXS = "isthmus/genesis_txs.py"
_T_API = "tests/unit/test_node_api.py"
_T_DAEMON = "tests/unit/test_cli_daemon.py"

MUTANTS = (
    Mutant(
        "grpc: a message of any length",
        _CONNECTION,
        "        if len(call.received) >= PREFIX_BYTES and declared > limit:",
        "        if len(call.received) >= PREFIX_BYTES and declared > 2**40:",
        f"{_T_ADAPTERS}::test_a_call_that_is_none_is_refused_and_the_next_one_answered",
    ),
    Mutant(
        "grpc: nothing bounds what is kept",
        _CONNECTION,
        "            if self.buffered_bytes > self._bounds.buffered_bytes:",
        "            if self.buffered_bytes > 2**24:",
        f"{_T_ADAPTERS}::test_what_one_client_makes_the_server_keep_is_bounded",
    ),
    Mutant(
        "grpc: calls that are reset stay",
        _CONNECTION,
        "                self._calls.pop(event.stream_id, None)",
        "                pass",
        f"{_T_ADAPTERS}::test_a_call_that_is_reset_is_forgotten",
    ),
    Mutant(
        "grpc: half of a message is taken",
        _CONNECTION,
        '        elif len(received) != PREFIX_BYTES + int.from_bytes(received[1:PREFIX_BYTES], "big"):',
        "        elif len(received) > 2**30:",
        f"{_T_ADAPTERS}::test_a_call_that_is_none_is_refused_and_the_next_one_answered",
    ),
    Mutant(
        "grpc: connections without end",
        _SERVER,
        "        if self._open >= MAX_CONNECTIONS:",
        "        if self._open >= 10_000:",
        f"{_T_ADAPTERS}::test_a_connection_over_the_limit_is_closed_at_once",
    ),
    Mutant(
        "grpc: any byte is progress",
        _SERVER,
        "            if connection.progress != seen:",
        "            if data:",
        f"{_T_ADAPTERS}::test_a_call_that_stalls_is_cut_off",
    ),
    Mutant(
        "rest: connections without end",
        _REST,
        "            full = len(handlers.connections) >= MAX_CONNECTIONS",
        "            full = len(handlers.connections) >= 10_000",
        f"{_T_ADAPTERS}::test_a_connection_over_the_limit_is_closed_at_once",
    ),
    Mutant(
        "api: requests over the limit are decoded",
        _METHODS,
        "        if len(data) > MAX_REQUEST_BYTES:",
        "        if len(data) > 2**30:",
        f"{_T_API}::test_a_request_over_the_limit_is_not_decoded",
    ),
    Mutant(
        "api: a height of any digits",
        _METHODS,
        " and len(digits) <= MAX_HEIGHT_DIGITS",
        "",
        f"{_T_API}::test_a_height_that_is_none_is_refused",
    ),
    Mutant(
        "api: Any is opened however deep",
        _JSON,
        "    if depth >= MAX_ANY_DEPTH:",
        "    if depth >= 10_000:",
        f"{_T_API}::test_json_of_strangers_bytes_is_bounded",
    ),
    Mutant(
        "api: numbers of any size",
        _FIELDS,
        "    except ValueError as error:\n        reason",
        "    except KeyError as error:\n        reason",
        f"{_T_API}::test_refusals_have_their_codes",
    ),
    Mutant(
        "genesis: signatures of genesis transactions are not looked at",
        _GENTXS,
        "    if not secp256k1.verify(public_key, sha256(document), tx.signatures[0]):",
        "    if not tx.signatures[0]:",
        f"{_T_DAEMON}::test_a_changed_genesis_transaction_is_refused",
    ),
    Mutant(
        "genesis: stake is made beside the balance",
        _GENTXS,
        "        balances[address] = _less(balances[address], tx.validator.value)",
        "        balances[address] = balances[address]",
        f"{_T_DAEMON}::test_collected_stake_makes_the_validator_and_keeps_the_supply",
    ),
)
