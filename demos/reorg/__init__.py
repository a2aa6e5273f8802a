"""``isthmus demo reorg``: two miners are cut apart and healed; below k nothing happens."""

from demos.reorg.scenario import ReorgDemo

DEMO = ReorgDemo()
