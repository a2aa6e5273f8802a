"""The relayer daemon: a pure planner, a journal, and thin shells around public RPC."""
