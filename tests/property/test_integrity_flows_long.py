"""The random nets of ``test_integrity_flows`` once more, long enough to miss any one rule.

Mutants of integrity levels name this test: it fails where a rule is taken out.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.property.test_integrity_flows import Flows

pytestmark = pytest.mark.slow


class LongFlows(Flows):
    """The same, with settings of its own."""


TestLongFlows = LongFlows.TestCase
TestLongFlows.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
