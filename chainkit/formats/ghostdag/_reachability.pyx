# cython: boundscheck=False, wraparound=False, cdivision=True
"""The compiled twin of ``reachability.PythonReachability``; see there for what it does."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

cdef int64_t SPACE_END = 1LL << 62
cdef int64_t SLACK = 1LL << 12
cdef int64_t SPARE = 1LL << 13
cdef int FIRST_CHILD_SHIFT = 5
cdef int LATER_CHILD_SHIFT = 3
cdef int32_t MAX_BLOCKS = 0x7FFFFFF0


cdef struct Node:
    int64_t start
    int64_t end
    int64_t size
    int32_t parent
    int32_t first_child
    int32_t last_child
    int32_t next_sibling
    int32_t *future
    int32_t future_count
    int32_t future_room


cdef class Reachability:
    """Intervals and future covering sets of numbered blocks."""

    cdef Node *nodes
    cdef int32_t *queue
    cdef int32_t count
    cdef int32_t room

    def __cinit__(self):
        self.nodes = NULL
        self.queue = NULL
        self.count = 0
        self.room = 0
        self._append(-1)
        self.nodes[0].start = 1
        self.nodes[0].end = SPACE_END

    def __dealloc__(self):
        cdef int32_t at
        for at in range(self.count):
            free(self.nodes[at].future)
        free(self.nodes)
        free(self.queue)

    def __len__(self):
        return self.count

    cdef int32_t _append(self, int32_t parent) except -1:
        cdef int32_t room
        cdef void *grown
        if self.count == self.room:
            if self.room >= MAX_BLOCKS // 2:
                raise MemoryError("too many blocks in one index")
            room = self.room * 2 if self.room else 64
            grown = realloc(self.nodes, room * sizeof(Node))
            if grown == NULL:
                raise MemoryError
            self.nodes = <Node *>grown
            grown = realloc(self.queue, room * sizeof(int32_t))
            if grown == NULL:
                raise MemoryError
            self.queue = <int32_t *>grown
            self.room = room
        cdef Node *node = &self.nodes[self.count]
        node.start = node.end = node.size = 0
        node.parent = parent
        node.first_child = node.last_child = node.next_sibling = -1
        node.future = NULL
        node.future_count = node.future_room = 0
        self.count += 1
        return self.count - 1

    def add(self, tree_parent, merged):
        """Add a block above its selected parent that merges others; return its number."""
        if not 0 <= tree_parent < self.count or not all(0 < other < self.count for other in merged):
            raise IndexError("a block is added after its parents")
        cdef int32_t above = tree_parent
        cdef int32_t block = self._append(above)
        cdef Node *node = &self.nodes[block]
        cdef Node *parent = &self.nodes[above]
        cdef bint first = parent.first_child < 0
        cdef int64_t start = parent.start if first else self.nodes[parent.last_child].end + 1
        cdef int64_t left = parent.end - start
        cdef int64_t taken
        if first:
            parent.first_child = block
        else:
            self.nodes[parent.last_child].next_sibling = block
        parent.last_child = block
        node.start = start
        node.end = parent.end - 1
        if left <= 0:
            self._make_room(above)
        else:
            taken = left - (left >> FIRST_CHILD_SHIFT) if first else left >> LATER_CHILD_SHIFT
            node.end = start + (taken if taken > 1 else 1) - 1
        for other in merged:
            self._cover(other, block)
        return block

    def is_chain_ancestor(self, ancestor, block):
        """Return whether one block is on the other's selected chain, or is it."""
        self._check(ancestor)
        self._check(block)
        return self._contains(ancestor, block)

    def is_ancestor(self, ancestor, block):
        """Return whether one block is in the other's past, or is it."""
        self._check(ancestor)
        self._check(block)
        cdef int32_t above = ancestor
        cdef int32_t below = block
        if self._contains(above, below):
            return True
        cdef int32_t at = self._position(above, below)
        return at > 0 and self._contains(self.nodes[above].future[at - 1], below)

    def interval(self, block):
        """Return a block's interval, both ends included."""
        self._check(block)
        return self.nodes[<int32_t>block].start, self.nodes[<int32_t>block].end

    cdef int _check(self, object block) except -1:
        if not 0 <= block < self.count:
            raise IndexError("no such block")
        return 0

    cdef inline bint _contains(self, int32_t ancestor, int32_t block) noexcept:
        cdef int64_t own = self.nodes[block].end
        return self.nodes[ancestor].start <= own <= self.nodes[ancestor].end

    cdef int32_t _position(self, int32_t other, int32_t block) noexcept:
        cdef int32_t low = 0
        cdef int32_t high = self.nodes[other].future_count
        cdef int32_t middle
        cdef int32_t *future = self.nodes[other].future
        cdef int64_t own = self.nodes[block].end
        while low < high:
            middle = (low + high) // 2
            if self.nodes[future[middle]].start <= own:
                low = middle + 1
            else:
                high = middle
        return low

    cdef int _cover(self, int32_t other, int32_t block) except -1:
        cdef int32_t at = self._position(other, block)
        cdef Node *node = &self.nodes[other]
        cdef int32_t move, room
        cdef void *grown
        if at > 0 and self._contains(node.future[at - 1], block):
            return 0
        if node.future_count == node.future_room:
            room = node.future_room * 2 if node.future_room else 2
            grown = realloc(node.future, room * sizeof(int32_t))
            if grown == NULL:
                raise MemoryError
            node.future = <int32_t *>grown
            node.future_room = room
        for move in range(node.future_count, at, -1):
            node.future[move] = node.future[move - 1]
        node.future[at] = block
        node.future_count += 1
        return 0

    cdef void _make_room(self, int32_t block) noexcept:
        cdef int64_t width
        cdef int32_t measured = -1
        while True:
            self._measure(block, measured)
            width = self.nodes[block].end - self.nodes[block].start + 1
            if self.nodes[block].parent < 0 or width >= SPARE * self.nodes[block].size:
                break
            measured = block
            block = self.nodes[block].parent
        self._renumber(block)

    cdef void _measure(self, int32_t root, int32_t measured) noexcept:
        """Set the sizes in the subtree; those below ``measured`` are right already."""
        cdef int32_t at = 0
        cdef int32_t filled = 1
        cdef int32_t block, child
        self.queue[0] = root
        while at < filled:
            block = self.queue[at]
            at += 1
            if block == measured:
                continue
            child = self.nodes[block].first_child
            while child >= 0:
                self.queue[filled] = child
                filled += 1
                child = self.nodes[child].next_sibling
        for at in range(filled - 1, -1, -1):
            block = self.queue[at]
            if block == measured:
                continue
            self.nodes[block].size = 1
            child = self.nodes[block].first_child
            while child >= 0:
                self.nodes[block].size += self.nodes[child].size
                child = self.nodes[child].next_sibling

    cdef void _renumber(self, int32_t root) noexcept:
        cdef int32_t at = 0
        cdef int32_t filled = 1
        cdef int32_t block, child, heaviest
        cdef int64_t used, spare, start, share
        self.queue[0] = root
        while at < filled:
            block = self.queue[at]
            at += 1
            heaviest = child = self.nodes[block].first_child
            if child < 0:
                continue
            while child >= 0:
                if self.nodes[child].size > self.nodes[heaviest].size:
                    heaviest = child
                child = self.nodes[child].next_sibling
            used = SLACK * (self.nodes[block].size - self.nodes[heaviest].size)
            spare = self.nodes[block].end - self.nodes[block].start + 1 - used
            start = self.nodes[block].start
            child = self.nodes[block].first_child
            while child >= 0:
                share = spare if child == heaviest else SLACK * self.nodes[child].size
                self.nodes[child].start = start
                self.nodes[child].end = start + share - 1
                start += share
                self.queue[filled] = child
                filled += 1
                child = self.nodes[child].next_sibling
