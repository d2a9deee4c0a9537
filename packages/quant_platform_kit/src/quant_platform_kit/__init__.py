"""The shared library of the trading platform.

Rooms: `domain` (pure rules), `ports` (protocols), `services` (orchestration), `adapters` (I/O), `cli` (the `quant`
command) and `testing` (paper broker and contract suites). Nothing is re-exported here, so that importing one room
never pays for another.
"""
