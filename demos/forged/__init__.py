"""``isthmus demo forged``: a network is lied to in every way we know, and keeps its state."""

from demos.forged.scenario import ForgedDemo

DEMO = ForgedDemo()
