"""rusty-kaspa: header hashes, GHOSTDAG order, whole header validation, reachability."""

import gzip
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import Dag
from chainkit.formats.ghostdag.headers import decode_header
from chainkit.formats.ghostdag.order import order_of
from chainkit.formats.ghostdag.reachability import ORIGIN, PythonReachability, Reachability
from chainkit.formats.ghostdag.rules import genesis_block
from chainkit.primitives.types import Hash32
from tests.dags import PARAMETERS, genesis
from tests.kaspa_json import dag_parameters, header_from_json
from tests.vectors.support import load_json, vector_set, vectors_root

FOLDER = vectors_root() / "rusty-kaspa"
CHAINS = ["goref-1060-tx-265-blocks", "goref-notx-5000-blocks"]


def lines_of(chain: str) -> list[Any]:
    path = FOLDER / "dags_for_json_tests" / chain / "blocks.json.gz"
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.vectors("rusty-kaspa/header_hashes")
@vector_set("rusty-kaspa/header_hashes")[1]
def test_header_hashes(chain: str, vector_cases: Any) -> None:
    """Every header hashes to what Kaspa says, and its bytes decode to it alone."""
    blocks = lines_of(chain)[1:]
    for block in blocks:
        header = header_from_json(block["header"])

        assert header.hash.hex() == block["header"]["hash"]
        assert decode_header(header.encode()) == header
    vector_cases(len(blocks))


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.vectors("rusty-kaspa/headers")
@vector_set("rusty-kaspa/headers")[1]
def test_whole_chains_keep_every_rule(chain: str, vector_cases: Any) -> None:
    """Blue score, blue work, bits, DAA score, past median time: recomputed from parents alone."""
    parameters, *blocks = lines_of(chain)
    headers = [header_from_json(block["header"]) for block in blocks]
    dag = Dag.from_genesis(dag_parameters(parameters), headers[0])
    for header in headers[1:]:
        dag.insert_in_place(header)

    assert len(dag) == len(headers)
    vector_cases(len(headers) - 1)


def identity(name: str) -> Hash32:
    return Hash32(name.encode().ljust(32, b"\0"))


@pytest.mark.parametrize("number", range(6))
@pytest.mark.vectors("rusty-kaspa/order")
@vector_set("rusty-kaspa/order")[1]
def test_order(number: int, vector_cases: Any) -> None:
    """Selected parent, blues, reds and blue score of each block, in order."""
    case = load_json(f"rusty-kaspa/dags/dag{number}.json")
    first = genesis_block(genesis())
    first = DagBlock(identity(case["GenesisID"]), first.header, first.order, 0, 0)
    dag = Dag(PARAMETERS, [first], first.hash)
    for block in case["Blocks"]:
        parents = tuple(map(identity, block["Parents"]))
        order = order_of(dag, parents, case["K"], 1_000)
        header = replace(genesis(), parents_by_level=(parents,))
        dag.add(DagBlock(identity(block["ID"]), header, order, 0, 0))

        assert order.selected_parent == identity(block["ExpectedSelectedParent"])
        assert order.blues == tuple(map(identity, block["ExpectedBlues"]))
        assert order.reds == tuple(map(identity, block["ExpectedReds"]))
        assert order.blue_score == block["ExpectedScore"]
    vector_cases(len(case["Blocks"]))


FILES = [
    f"{kind}-dag-blocks--2^{n}-delay-factor--1-k--18"
    for kind in ("attack", "noattack")
    for n in (12, 13)
]
QUESTIONS = 30


@pytest.mark.parametrize("name", FILES)
@pytest.mark.vectors("rusty-kaspa/reachability")
@vector_set("rusty-kaspa/reachability")[1]
def test_reachability(name: str, vector_cases: Any) -> None:
    """Intervals nest and keep apart; ancestry is what whole pasts say."""
    with gzip.open(FOLDER / "reachability" / f"{name}.json.gz", "rt") as file:
        blocks = json.load(file)
    check_reachability(Reachability(), blocks)
    vector_cases(len(blocks))


@vector_set("rusty-kaspa/reachability")[1]
def test_reachability_of_the_python_twin() -> None:
    """The same of the twin, over the smallest attack."""
    with gzip.open(FOLDER / "reachability" / f"{FILES[0]}.json.gz", "rt") as file:
        check_reachability(PythonReachability(), json.load(file))


def check_reachability(index: Any, blocks: list[Any]) -> None:
    numbers: dict[str, int] = {}
    pasts = [0]
    """Of each block its past as bits, itself included."""
    tree = [ORIGIN]
    for block in blocks:
        parents = [numbers[parent] for parent in block["parents"]]
        selected = max(
            parents, key=lambda number: (pasts[number].bit_count(), number), default=ORIGIN
        )
        past = 0
        for parent in parents:
            past |= pasts[parent]
        merged = past & ~pasts[selected]
        number = index.add(selected, [at for at in bits(merged) if at != selected])
        numbers[block["id"]] = number
        pasts.append(past | 1 << number)
        tree.append(selected)

    rng = random.Random(len(blocks))
    last = [0] * len(pasts)
    for number in range(1, len(pasts)):
        start, end = index.interval(number)
        above_start, above_end = index.interval(tree[number])
        assert above_start <= start <= end < above_end
        assert start > last[tree[number]], "siblings overlap"
        last[tree[number]] = end
        for other in rng.choices(range(1, len(pasts)), k=QUESTIONS):
            assert index.is_ancestor(other, number) == bool(pasts[number] >> other & 1)


def bits(value: int) -> Any:
    while value:
        low = value & -value
        yield low.bit_length() - 1
        value ^= low
