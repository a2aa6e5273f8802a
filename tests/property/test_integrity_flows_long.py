"""The random nets of ``test_integrity_flows`` once more, always the same and long enough.

``tests/mutants/integrity_flows.py`` lists the rules: this test fails where any one is taken out.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.property.test_integrity_flows import Flows

pytestmark = pytest.mark.slow


class LongFlows(Flows):
    """The same, with settings of its own."""


TestLongFlows = LongFlows.TestCase
TestLongFlows.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
