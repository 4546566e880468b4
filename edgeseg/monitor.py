"""What a run amounts to so far, for a page, a metrics reader or a progress line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgeseg.manifest import Size
from edgeseg.sources import SourceStatus


@dataclass(frozen=True)
class Progress:
    """A run so far.

    Attributes:
        running_s: since it began.
        size: of the frames, None before the first.
        masked: frames that were masked.
        dropped: frames that were not, by reason: `newer`, `too old`, `damaged`, ...
        missed: results that an output had no time for, by the output's name.
        fps: masked frames a second, over the last two seconds.
        times_ms: of the latest frame: `age`, `prepare`, `infer`, `decode`.
        source: how the source is doing, None where it cannot be lost.
    """

    running_s: float = 0.0
    size: Size | None = None
    masked: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)
    fps: float = 0.0
    times_ms: Mapping[str, float] = field(default_factory=dict)
    source: SourceStatus | None = None


class Monitor:
    """Hands the progress of a run to others; `now` may be called from any thread."""

    def __init__(self) -> None:
        """Start with nothing to tell; `run_stream` attaches itself."""
        self._look: Callable[[], Progress] = Progress

    def attach(self, look: Callable[[], Progress]) -> None:
        """Take the progress from `look`."""
        self._look = look

    def now(self) -> Progress:
        """Return the progress at this moment."""
        return self._look()
