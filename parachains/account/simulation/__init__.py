"""QBFT under faults: many seeded runs of its machines in virtual time, and what must hold."""
