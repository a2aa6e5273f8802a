"""The picture of a DAG: every block once, its colour, the selected chain and the finality line."""

import functools
import json
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from chainkit.primitives.errors import MalformedMessage
from parachains.dag.drawing import (
    BLUE,
    FINAL,
    OPEN,
    RED,
    draw,
    window,
    window_from_json,
    window_to_json,
)
from tests.dags import PARAMETERS, grow, mine, new_dag, rounds

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def dag():
    """Parallel blocks, two that turn red, and one that nobody has merged."""
    dag = new_dag()
    fork = rounds(dag, 3)[-1].hash
    hidden = grow(dag, fork, 2, salt=70)
    main = grow(dag, fork, PARAMETERS.k + 3, salt=80)
    tip = mine(dag, [main[-1].hash, hidden[-1].hash])
    grow(dag, fork, 1, salt=90)
    assert len(tip.order.reds) == 2
    return dag


def parts(dag, depth=4, most=60):
    root = ET.fromstring(draw(window(dag, dag.selected_tip.hash, depth, most)))
    blocks = {}
    for group in root.iter(f"{SVG}g"):
        rectangle = group.find(f"{SVG}rect")
        blocks[group.find(f"{SVG}title").text.split()[0]] = rectangle
    return root, blocks


def test_every_block_is_drawn_once_in_its_colour(dag) -> None:
    """Blue and red as the selected chain says, grey what it has not merged."""
    _, blocks = parts(dag)
    tip = dag.selected_tip
    colours = Counter(rectangle.get("fill") for rectangle in blocks.values())

    assert set(blocks) == {block.hash.hex() for block in dag}
    assert {name for name, r in blocks.items() if r.get("fill") == RED} == {
        red.hex() for red in tip.order.reds
    }
    assert colours[OPEN] == len(dag.tips) - 1
    assert colours[BLUE] == tip.order.blue_score + 1
    spots = Counter((r.get("x"), r.get("y")) for r in blocks.values())
    assert set(spots.values()) == {1}


def test_the_finality_line_is_right_of_the_newest_final_block(dag) -> None:
    """Its place moves with the depth; at a depth beyond genesis there is none."""
    root, blocks = parts(dag, depth=4)
    (line,) = [each for each in root.iter(f"{SVG}line") if each.get("id") == "finality"]
    score = dag.selected_tip.order.blue_score
    chain = {
        name: int(rectangle.get("x"))
        for name, rectangle in blocks.items()
        if rectangle.get("stroke") != "none"
    }
    scores = {block.hash.hex(): block.order.blue_score for block in dag}
    final = [x for name, x in chain.items() if scores[name] <= score - 4]
    open_ = [x for name, x in chain.items() if scores[name] > score - 4]

    assert line.get("stroke") == FINAL
    assert max(final) < int(line.get("x1")) < min(open_) + 36
    far, _ = parts(dag, depth=score + 1)
    assert not [each for each in far.iter(f"{SVG}line") if each.get("id")]


def test_only_the_newest_are_drawn(dag) -> None:
    """So many as are asked for, whatever the DAG's size."""
    _, blocks = parts(dag, most=5)

    assert len(blocks) == 5
    assert dag.selected_tip.hash.hex() in blocks


@pytest.mark.parametrize("most", [1, 3, 60])
def test_a_window_is_the_same_after_json(dag, most) -> None:
    """What a node tells can be drawn elsewhere, with nothing lost on the way."""
    seen = window(dag, dag.selected_tip.hash, 4, most)

    assert window_from_json(json.loads(json.dumps(window_to_json(seen)))) == seen


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tip",), "00"),
        (("tip",), 7),
        (("finality_depth",), -1),
        (("finality_depth",), True),
        (("blocks",), []),
        (("blocks",), {}),
        (("blocks", 0, "hash"), "zz" * 32),
        (("blocks", 0, "parents"), None),
        (("blocks", 0, "parents"), [5]),
        (("blocks", 0, "selected_parent"), 5),
        (("blocks", 0, "colour"), "green"),
        (("blocks", 0, "is_final"), 1),
        (("blocks", 0, "blue_score"), "9"),
        (("blocks", 0), []),
    ],
)
def test_a_window_of_another_form_is_refused(dag, path, value) -> None:
    """Each member has one form; another one is refused, not drawn."""
    told = json.loads(json.dumps(window_to_json(window(dag, dag.selected_tip.hash, 4))))
    *above, last = path
    functools.reduce(lambda at, key: at[key], above, told)[last] = value

    with pytest.raises(MalformedMessage):
        window_from_json(told)


def test_a_block_twice_is_refused(dag) -> None:
    """Two places for one block would be no picture of a DAG."""
    told = window_to_json(window(dag, dag.selected_tip.hash, 4))
    told["blocks"] *= 2

    with pytest.raises(MalformedMessage, match="twice"):
        window_from_json(told)
