"""A machine whose clock moves only when a contestant works."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, sqrt

import numpy as np
import pytest

from edgeseg.benchmarks.paired import Contestant


class Machine:
    """A machine that drifts: slowly for all, faster for each contestant, with luck and spikes.

    Attributes:
        now_s: its clock.
        opened: labels of the contestants in the order in which they were opened.
        ran: labels of all calls, in order.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        shared: float = 0.0,
        own: float = 0.0,
        own_s: float = 0.5,
        luck: float = 0.0,
        spikes: float = 0.0,
    ) -> None:
        """Set how much it drifts (standard deviations of log time) and how often it is disturbed.

        Args:
            seed: of everything random.
            shared: drift that all contestants feel, correlated over 3 s.
            own: drift of each contestant, correlated over `own_s` seconds.
            own_s: see `own`.
            luck: of a contestant each time it is opened.
            spikes: share of calls that take about 10 ms more.
        """
        self.now_s = 0.0
        self.opened: list[str] = []
        self.ran: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._shared, self._own, self._own_s = shared, own, own_s
        self._luck, self._spikes = luck, spikes
        self._drifts: dict[str, tuple[float, float]] = {}

    def clock(self) -> float:
        return self.now_s

    def contestant(
        self, label: str, call_s: float, on_call: Callable[[], None] | None = None
    ) -> Contestant:
        """A contestant whose calls take `call_s` on a machine at rest."""

        def open_workload() -> _Work:
            self.opened.append(label)
            luck = exp(self._luck * self._rng.standard_normal())
            return _Work(lambda: self._call(label, call_s * luck, on_call))

        return Contestant(label, open_workload)

    def _call(self, label: str, call_s: float, on_call: Callable[[], None] | None) -> float:
        self.ran.append(label)
        if on_call:
            on_call()
        drift = self._drift("", self._shared, 3.0) + self._drift(label, self._own, self._own_s)
        taken_s = call_s * exp(drift)
        if self._rng.random() < self._spikes:
            taken_s += self._rng.exponential(0.01)
        self.now_s += taken_s
        return taken_s

    def _drift(self, name: str, size: float, correlated_s: float) -> float:
        """A first-order autoregressive process, stepped by the time that has passed."""
        value, at_s = self._drifts.get(name, (size * self._rng.standard_normal(), self.now_s))
        keep = exp(-(self.now_s - at_s) / correlated_s)
        value = keep * value + sqrt(1 - keep**2) * size * self._rng.standard_normal()
        self._drifts[name] = value, self.now_s
        return value


class _Work:
    def __init__(self, call: Callable[[], float]) -> None:
        self._call = call

    def run(self) -> tuple[float, ...]:
        return (self._call(),)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def machine() -> type[Machine]:
    """The class, so that a test chooses how rough its machine is."""
    return Machine
