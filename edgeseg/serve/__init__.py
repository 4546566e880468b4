"""A web page to watch a run on a device without a display: `ServeSink`, extra `serve`.

The thread contract. The frame loop writes results from its own thread; `write` only notes the
newest one. The server runs on one thread with an event loop of its own, and never waits for the
frame loop. Pictures are encoded on a third thread, once for all viewers, while one is ready.
"""

from edgeseg.serve.sink import ServeSink

__all__ = ["ServeSink"]
