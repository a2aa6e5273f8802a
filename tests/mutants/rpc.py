"""What the RPC refuses, and what its index promises."""

from tests.mutants.support import Mutant

RPC = "tests/unit/test_node_rpc.py"
INDEX = "tests/unit/test_event_index.py"

MUTANTS = [
    Mutant(
        "rpc-connections-without-end",
        "isthmus/adapters/http.py",
        "            return _Refusing() if full else server()\n",
        "            return server()\n",
        f"{RPC}::test_connections_are_bounded",
    ),
    Mutant(
        "rpc-batch-of-any-length",
        "relay_chain/node/rpc/dispatch.py",
        "        if len(requests) > MAX_BATCH_REQUESTS:\n",
        "        if False:\n",
        f"{RPC}::test_batches_are_answered_in_order",
    ),
    Mutant(
        "rpc-unsafe-methods-for-all",
        "relay_chain/node/config.py",
        "    unsafe: bool = False\n",
        "    unsafe: bool = True\n",
        f"{RPC}::test_the_rpc_listens_on_loopback_unless_told",
    ),
    Mutant(
        "rpc-subscription-buffer-without-end",
        "relay_chain/node/event_bus.py",
        "        if not self.ended and self.queue.qsize() >= self.capacity:\n",
        "        if False:\n",
        f"{RPC}::test_a_slow_client_hears_that_its_subscription_ended",
    ),
    Mutant(
        "index-attributes-of-two-events",
        "isthmus/adapters/event_index.py",
        'for column in ("tx", "event")]',
        'for column in ("tx",)]',
        f"{INDEX}::test_conditions_hold_within_one_event",
    ),
    Mutant(
        "index-long-values-by-their-beginning",
        "relay_chain/node/event_index.py",
        "    return terms, whole and len(equal) == len(conditions)\n",
        "    return terms, len(equal) == len(conditions)\n",
        f"{INDEX}::test_a_search_is_by_the_whole_of_names_and_values",
    ),
    Mutant(
        "index-behind-the-state",
        "relay_chain/node/executor.py",
        "        self.index.catch_up(applied)\n",
        "",
        f"{INDEX}::test_the_index_is_never_behind_and_is_made_again",
    ),
    Mutant(
        "index-search-without-end",
        "isthmus/adapters/event_index.py",
        "            return calls * _STEPS_PER_CALL > MAX_SEARCH_STEPS\n",
        "            return False\n",
        f"{INDEX}::test_a_search_that_is_too_broad_is_refused",
    ),
]
