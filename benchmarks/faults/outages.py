"""Sources that go and come back under `edgeseg run`: noticed when, at what cost, back when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .finding import Finding
from .running import Run

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Limits:
    """What is required.

    Attributes:
        noticed_s: from the fault until the run says that its source is not live.
        back_s: from the end of the fault until the next mask.
        cpu_percent: of a core, by the run and its children while the source is gone; None where
            nothing is required.
    """

    noticed_s: float
    back_s: float
    cpu_percent: float | None = None


@dataclass
class Outages:
    """What was measured of one kind of fault."""

    noticed_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    cpu_percent: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def once(
        self,
        run: Run,
        fault: Callable[[], None],
        mend: Callable[[], None],
        *,
        states: tuple[str, ...] = ("lost", "stalled"),
        lasts_s: float = 1.0,
    ) -> bool:
        """Do a fault, see that it is noticed, mend it, and see that masks come again.

        Args:
            run: with a page; its source must be live.
            fault: takes the source away; what it takes itself counts.
            mend: brings it back; what it takes itself does not count.
            states: one of which the source should then have.
            lasts_s: how long the fault lasts after it was noticed.

        Returns:
            Whether masks came again.
        """
        start_s = time.monotonic()
        fault()
        noticed = run.wait_for_state(*states, timeout_s=PATIENCE_S)
        if noticed is None:
            self.failures.append(f"not noticed within {PATIENCE_S:.0f} s: {run.said()[-200:]}")
        else:
            self.noticed_s.append(time.monotonic() - start_s)
        if lasts_s:
            self.cpu_percent.append(_cpu_percent(run, lasts_s))
        mend()
        back_s = run.wait_for_masks(1, PATIENCE_S)
        if back_s is None:
            self.failures.append(f"no masks after {PATIENCE_S:.0f} s: {run.said()[-200:]}")
            return False
        self.back_s.append(back_s)
        run.wait_for_state("live", timeout_s=PATIENCE_S)
        return True

    def findings(self, what: str, limits: Limits) -> list[Finding]:
        """Return them, under such a name."""
        failures = tuple(self.failures)
        found = [
            Finding(
                f"{what}: noticed", "s", tuple(self.noticed_s), limits.noticed_s, False, failures
            ),
            Finding(f"{what}: masks again", "s", tuple(self.back_s), limits.back_s),
        ]
        if limits.cpu_percent is not None:
            cpu = tuple(self.cpu_percent)
            found.append(Finding(f"{what}: processor meanwhile", "%", cpu, limits.cpu_percent))
        return found


def _cpu_percent(run: Run, seconds: float) -> float:
    before, start_s = run.usage().cpu_s, time.monotonic()
    time.sleep(seconds)
    return 100 * (run.usage().cpu_s - before) / (time.monotonic() - start_s)
