"""Hash time-locked contracts: swaps in which both sides are paid, or neither."""
