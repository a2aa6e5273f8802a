"""Every decoder of bytes from outside, fed with broken ones.

``make fuzz`` runs each target for ``SECONDS``; ``make test`` runs each for a few hundred
seeded inputs. A target is found by its name (``discovery``), begins from encodings that are
valid (``corpus``) and mutates them (``mutate``). What must hold is in ``check``.
"""
