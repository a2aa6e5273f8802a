"""The guide's code is a program that runs."""

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "write-a-chain.md"


def test_the_guide_runs_as_it_stands():
    """Every block of Python in the guide, in order, passes its own asserts."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    namespace = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), namespace)

    assert len(blocks) == 2
