"""What the page shows: the newest result, how the run goes, and what the model is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edgeseg.device import Device
from edgeseg.environment import edgeseg_version
from edgeseg.manifest import Manifest
from edgeseg.monitor import Monitor, Progress
from edgeseg.serve.minute import Minute

if TYPE_CHECKING:
    from edgeseg.loop import FrameResult
    from edgeseg.sources import SourceStatus

SCHEMA = 1
FRESH_S = 5.0


@dataclass(frozen=True)
class ViewerCounts:
    """Of those who watch.

    Attributes:
        now: places taken.
        most: places there are.
        stalled: viewers dropped because they took nothing for too long.
        refused: viewers turned away because all places were taken.
    """

    now: int = 0
    most: int = 0
    stalled: int = 0
    refused: int = 0


@dataclass
class Board:
    """Takes results from the frame loop's thread; the server's thread reads them.

    Attributes:
        manifest: of the model.
        monitor: of the run.
        model: its name.
        setup: more facts to show with the model, by name.
        alpha: strength of the colours at first.
        newest: the newest result, None before the first.
        minute: the last minute.
    """

    manifest: Manifest
    monitor: Monitor
    model: str
    setup: Mapping[str, str | int | float]
    alpha: float
    newest: FrameResult | None = None
    minute: Minute = field(default_factory=Minute)

    def add(self, result: FrameResult) -> None:
        """Take a result."""
        self.minute.add(result)
        self.newest = result

    def age_s(self) -> float | None:
        """Return for how long the newest result's picture has been history, None without one."""
        newest = self.newest
        return None if newest is None else max(0.0, time.monotonic() - newest.frame.captured_s)

    def is_fresh(self) -> bool:
        """Return whether the newest picture is young."""
        age_s = self.age_s()
        return age_s is not None and age_s < FRESH_S

    def status(self, device: Device, viewers: ViewerCounts) -> dict[str, Any]:
        """Return everything as JSON holds it; docs/serve.md describes each field."""
        progress = self.monitor.now()
        return {
            "schema": SCHEMA,
            "version": edgeseg_version(),
            "run": self._run(progress),
            "source": _source(progress.source),
            "frame": self._frame(),
            "classes": self._classes(),
            "model": self._model(),
            "device": asdict(device),
            "viewers": asdict(viewers),
        }

    def _run(self, progress: Progress) -> dict[str, Any]:
        return {
            "running_s": round(progress.running_s, 3),
            "size": progress.size,
            "masked": progress.masked,
            "dropped": dict(progress.dropped),
            "missed": dict(progress.missed),
            "fps": round(progress.fps, 3),
            "times_ms": {name: round(value, 3) for name, value in progress.times_ms.items()},
        }

    def _frame(self) -> dict[str, Any] | None:
        newest, age_s = self.newest, self.age_s()
        if newest is None or age_s is None:
            return None
        return {
            "index": newest.frame.index,
            "name": newest.frame.name,
            "age_at_mask_ms": round(newest.age_ms, 3),
            "age_s": round(age_s, 3),
            "fresh": self.is_fresh(),
        }

    def _classes(self) -> list[dict[str, Any]]:
        shares = None if self.newest is None else self.newest.coverage
        palette = self.manifest.palette
        return [
            {
                "index": index,
                "name": name,
                "color": "#{:02x}{:02x}{:02x}".format(*palette[index]),
                "coverage": None if shares is None else round(float(shares[index]), 6),
            }
            for index, name in enumerate(self.manifest.labels)
        ]

    def _model(self) -> dict[str, Any]:
        manifest = self.manifest
        return {
            "name": self.model,
            "decoder": manifest.decoder,
            "encoder": manifest.encoder,
            "upsampling": manifest.upsampling,
            "precision": manifest.precision,
            "target": manifest.target,
            "input_size": manifest.preparation.size,
            "head": asdict(manifest.head),
            "source_sha256": manifest.source_sha256,
            "alpha": self.alpha,
            "setup": dict(self.setup),
        }


def _source(status: SourceStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "state": status.state,
        "for_s": round(max(0.0, time.monotonic() - status.since_s), 3),
        "retries": status.retries,
        "losses": status.losses,
        "reason": status.reason,
        "mode": status.mode,
        "captured": status.captured,
        "frozen_s": round(status.frozen_s, 3),
    }


def as_text(status: Mapping[str, Any]) -> str:
    """Return JSON text, small."""
    return json.dumps(status, separators=(",", ":"), ensure_ascii=False)
