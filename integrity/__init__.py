"""Integrity levels: a chain of low integrity may not send data to a chain of high integrity.

``axes`` turns what the hub measured of a chain into a level, ``levels`` lets it fall at once
and rise slowly, ``lots`` and ``lineage`` carry labels that no chain in between can strip,
``rules`` judges one flow, ``zones`` is the ledger of what each zone holds, and ``guard`` asks
them all before any application sees a packet.
"""
