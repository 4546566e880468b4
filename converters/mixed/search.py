"""Find the smallest set of layers that must stay in float32 for a file to agree well enough.

What loses accuracy is a tensor whose steps are too wide for what it holds, so layers are tried by
their outputs: a layer with those that read it. Each is first tried alone and ranked by what it
brings back (the signal-to-noise ratio decides ties, and which to try where there are many). Then
the shortest prefix of the ranking that reaches the aim is found by bisection, and whatever it does
not need is taken out again, in halves, quarters, and one by one (as in Zeller's and Hildebrandt's
ddmin, "Simplifying and Isolating Failure-Inducing Input", 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgeseg.converters.sensitivity import LayerError, describe
from edgeseg.converters.tensors import PASSIVE
from edgeseg.converters.yardstick import Yardstick

from .kept import KeptLayer
from .surgery import Surgeon
from .trials import Trials

_ALONE = 100  # layers tried alone at most
_TRIALS = 300  # in all; a search that has used them up stops pruning
_SECONDS = 600.0  # likewise


@dataclass(frozen=True)
class Mixed:
    """An int8 file with layers in float32.

    Attributes:
        tflite: the file.
        indices: of its float32 layers, among the int8 file's operators.
        before, after: share of pixels on the calibration frames whose class differs from the float
            file's, in the int8 file and in this one.
    """

    tflite: bytes
    indices: frozenset[int]
    before: float
    after: float


class Search:
    """The search in one int8 file.

    Attributes:
        frames: how many calibration frames it looks at.
        lost: share of pixels on them that the int8 file itself gets wrong.
        layers: the layers' errors, with the cost of each where it was tried alone.
    """

    def __init__(
        self,
        quantized: bytes,
        float_tflite: bytes,
        layers: Sequence[LayerError],
        yardstick: Yardstick,
        *,
        float_output: bool,
    ) -> None:
        """Measure the int8 file.

        Args:
            quantized: the int8 file.
            float_tflite: the float32 file of the same network.
            layers: of `layer_errors` on both.
            yardstick: judges files against the float one.
            float_output: whether the network's output may become float32.
        """
        self._quantized = quantized
        self._surgeon = Surgeon(quantized, float_tflite, float_output=float_output)
        self._trials = Trials(self._surgeon, yardstick)
        self._yardstick = yardstick
        self.frames = yardstick.frames
        self.lost = self._trials.lost(())
        self.layers = tuple(layers)

    def within(self, aim: float, tell: Callable[[str], None]) -> Mixed | None:
        """Return the file with the fewest layers in float32 that loses at most `aim`.

        None where no set of layers reaches that. Either way `layers` then has their costs.
        """
        self.measure(tell)
        able = {layer.index: layer for layer in self._surgeon.layers}
        if self._trials.lost(able) > aim:
            return None
        ranked = [able[layer.index] for layer in self._ranking() if layer.index in able]
        groups = [self._surgeon.around(layer) for layer in ranked]
        tell(f"choosing layers to keep in float32, among {len(groups)}")
        kept = self._pruned(self._shortest([*groups, frozenset(able)], aim), aim)
        return Mixed(self._surgeon.keep(kept), kept, self.lost, self._trials.lost(kept))

    def report(self, mixed: Mixed) -> tuple[KeptLayer, ...]:
        """Return what each kept layer brings back and costs: against the file without it."""
        whole = self._surgeon.joined(mixed.indices)
        errors = {layer.index: layer for layer in self.layers}
        return tuple(
            self._kept(errors[layer.index], mixed, layer.index not in mixed.indices)
            for layer in self._surgeon.layers
            if layer.index in whole
        )

    def timed(self, mixed: Mixed) -> str:
        """Return what a file's float layers cost in time, in words."""
        added_ms, whole_ms = self._yardstick.added_ms(mixed.tflite, self._quantized)
        return (
            f"{whole_ms:.1f} ms a frame where int8 alone takes {whole_ms - added_ms:.1f} "
            f"(threads: {self._yardstick.threads})"
        )

    def measure(self, tell: Callable[[str], None]) -> tuple[LayerError, ...]:
        """Try layers alone, those of the lowest signal-to-noise ratio first; return `layers`."""
        if any(layer.cost is not None for layer in self.layers):
            return self.layers
        able = {layer.index: layer for layer in self._surgeon.layers if layer.op not in PASSIVE}
        costs: dict[int, float] = {}
        for error in sorted(self.layers, key=lambda layer: layer.snr_db):
            if error.index not in able or len(costs) == _ALONE or self._is_spent(0.5):
                continue
            tell(f"trying {error.name} in float32 ({len(costs) + 1} of {min(len(able), _ALONE)})")
            costs[error.index] = self.lost - self._trials.lost(
                self._surgeon.around(able[error.index])
            )
        self.layers = tuple(replace(each, cost=costs.get(each.index)) for each in self.layers)
        return self.layers

    def _ranking(self) -> list[LayerError]:
        tried = [layer for layer in self.layers if layer.op not in PASSIVE]
        return sorted(tried, key=lambda each: (each.cost is None, -(each.cost or 0.0), each.snr_db))

    def _shortest(self, groups: Sequence[frozenset[int]], aim: float) -> frozenset[int]:
        """Return the union of the fewest first groups that reaches the aim; all of them do."""
        low, high = 0, len(groups)
        while high - low > 1:
            middle = (low + high) // 2
            reaches = self._trials.lost(frozenset().union(*groups[:middle])) <= aim
            low, high = (low, middle) if reaches else (middle, high)
        return frozenset().union(*groups[:high])

    def _pruned(self, kept: frozenset[int], aim: float) -> frozenset[int]:
        """Take out what the aim does not need, the least useful first."""
        order = {layer.index: place for place, layer in enumerate(self._ranking())}
        left = sorted(kept, key=lambda index: -order.get(index, len(order)))
        share = len(left)
        while not self._is_spent(1.0):
            before, start = len(left), 0
            share = max(1, share // 2)
            while start < len(left) and not self._is_spent(1.0):
                fewer = left[:start] + left[start + share :]
                if self._trials.lost(fewer) <= aim:
                    left = fewer
                else:
                    start += share
            if share == 1 and len(left) == before:
                break
        return frozenset(left)

    def _is_spent(self, part: float) -> bool:
        return self._trials.done > part * _TRIALS or self._trials.spent_s > part * _SECONDS

    def _kept(self, error: LayerError, mixed: Mixed, is_between: bool) -> KeptLayer:
        without = mixed.indices - {error.index}
        cost_ms = 0.0
        if not is_between:
            cost_ms, _ = self._yardstick.added_ms(mixed.tflite, self._surgeon.keep(without))
        gain = self._trials.lost(without) - self._trials.lost(mixed.indices)
        return KeptLayer(
            error.name, error.op, "float32", gain, cost_ms, _why(error, is_between=is_between)
        )


def _why(error: LayerError, *, is_between: bool) -> str:
    if is_between:
        return "hands floats on between kept layers"
    return describe(error)
