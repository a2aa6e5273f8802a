"""A process dies where its environment says, and tells which points it reached."""

import os
import subprocess
import sys

import pytest

CODE = """
from relay_chain.node.crash_points import enter, reach
reach("a.saved"); enter("sync"); reach("a.saved"); enter("consensus"); reach("a.saved"); reach("b")
"""


def life(tmp_path, **crash):
    """How a process ended, and which points it reached."""
    listed = tmp_path / "list"
    listed.unlink(missing_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ISTHMUS_CRASH")}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment | crash | {"ISTHMUS_CRASH_LIST": str(listed)},
        check=False,
    )
    return done.returncode, listed.read_text().split()


def test_a_run_lists_its_points_by_what_it_is_about(tmp_path):
    """A harness learns the list from one run; one write in two phases is two points."""
    assert life(tmp_path) == (0, ["a.saved", "sync.a.saved", "consensus.a.saved", "consensus.b"])


@pytest.mark.parametrize("index", range(4))
def test_the_process_dies_at_the_nth_point(tmp_path, index):
    """Killed, not ended: the code is that of kill -9."""
    code, reached = life(tmp_path, ISTHMUS_CRASH_AT=str(index))
    assert code == -9
    assert len(reached) == index + 1


def test_the_index_may_count_the_lines_of_a_list(tmp_path):
    """So one list of distinct points serves for lives that reach them in another order."""
    (tmp_path / "points").write_text("consensus.b\nconsensus.a.saved\n")
    points = str(tmp_path / "points")

    code, reached = life(tmp_path, ISTHMUS_CRASH_AT="1", ISTHMUS_CRASH_POINTS=points)
    assert code == -9
    assert reached[-1] == "consensus.a.saved"
