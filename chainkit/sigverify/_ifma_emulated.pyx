# cython: boundscheck=False, wraparound=False, cdivision=True, language_level=3
"""The eight-lane engine on plain words: slow, and the same on every machine, for the tests."""

include "_scalars.pxi"
include "_curve.pxi"

cdef extern from "_vector_ifma.h":
    pass

cdef enum:
    CHUNK = 512
    BUDGET_OF_8 = 5  # of a batch summed again: two halvings for one bad
    BATCH_FROM = 16  # below this, each alone in its lane is as fast

include "_batch.pxi"
include "_lanes.pxi"

NAME = (<bytes>VECTOR_NAME).decode()
