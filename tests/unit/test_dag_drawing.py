"""The picture of a DAG: every block once, its colour, the selected chain and the finality line."""

from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from parachains.dag.drawing import BLUE, FINAL, OPEN, RED, draw
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
    root = ET.fromstring(draw(dag, dag.selected_tip.hash, depth, most))
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
