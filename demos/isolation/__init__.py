"""``isthmus demo isolation``: one zone turns hostile in five ways, and the others go on."""

from demos.isolation.scenario import IsolationDemo

DEMO = IsolationDemo()
