"""Wire-level venues and cloud emulators: what the platform's clients talk to in tests and in the demo.

Every server is a process of its own, listens on 127.0.0.1 only, says its port in one JSON line on standard output, and
takes faults over a control endpoint. Nothing here is deployed, and no server shares code with what talks to it, except
for calendars and the reader of price files: what both sides got wrong in the same way would stay hidden.
"""
