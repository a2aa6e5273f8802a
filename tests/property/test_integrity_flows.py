"""Random nets of 3 to 12 chains: nothing low gets into anything higher, supply is conserved.

Chains of random levels send, forward, swap, return, lie and cheat; levels change, sources
endorse, a relayer reorders, withholds, repeats and forges. ``integrity_judge`` decides, and
knows nothing of labels or lots.

``INTEGRITY_EXAMPLES``, ``INTEGRITY_STEPS`` and ``INTEGRITY_LEAST_STEPS`` make it longer (``make integrity-long``).
"""

import os

from hypothesis import HealthCheck, settings

from tests.property.integrity_changes import Changes
from tests.property.integrity_foes import Foes
from tests.property.integrity_users import Users
from tests.property.integrity_world import World

EXAMPLES = int(os.environ.get("INTEGRITY_EXAMPLES", "6"))
STEPS = int(os.environ.get("INTEGRITY_STEPS", "20"))
LEAST_STEPS = int(os.environ.get("INTEGRITY_LEAST_STEPS", "30"))


class Flows(Users, Foes, Changes):
    """Users, chains, sources and relayers do what they like."""


TestFlows = Flows.TestCase
TestFlows.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_long_run_takes_all_its_steps() -> None:
    """Hypothesis ends many runs early: what was asked for in all must have been judged."""
    assert World.steps >= LEAST_STEPS
