"""The gate: how well a file must agree with the float network to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeseg.errors import GateError

from .prove import Proof
from .swaps import MAX_SHIFT_PX, Swap


@dataclass(frozen=True)
class Gate:
    """What is asked of a file.

    Attributes:
        least: share of pixels that agree; 0 lets everything pass.
        max_drop: most points of `Proof.drop`; None sets no limit.
        calibrated: whether other calibration frames could help.
    """

    least: float
    max_drop: float | None
    calibrated: bool

    def holds(self, proof: Proof) -> bool:
        """Whether the file may be written.

        A quantized network that has collapsed can still agree on a large background: one that shows
        a single class where the float network shows several is refused.
        """
        return self.room(proof) >= 1 and not self._has_collapsed(proof)

    def room(self, proof: Proof) -> float:
        """Return what the gate allows to lose over what the file loses; 1 where it holds."""
        rooms = [1.0]
        if proof.agreement < self.least:
            rooms.append((1 - self.least) / (1 - proof.agreement))
        if self._drops(proof) and self.max_drop is not None:
            rooms.append(self.max_drop / proof.drop)
        return min(rooms)

    def check(self, proof: Proof, culprits: str = "") -> None:
        """Refuse a file that does not hold.

        Args:
            proof: its figures.
            culprits: a sentence on the layers that lose most.

        Raises:
            GateError: with the figures, and what can be done.
        """
        if not self.holds(proof):
            raise GateError(self._refusal(proof, culprits))

    def refusal_of_swaps(self, proof: Proof, swaps: Sequence[Swap]) -> str:
        """Return why a network with swapped layers does not hold, in words."""
        named = "; ".join(
            f"{swap.form} in place of {swap.layer} errs by {swap.rms_interior:.1%} rms inside and "
            f"{swap.rms_border:.1%} at the border, and moves an edge by {swap.shift_px:.2f} px"
            for swap in swaps
            if not swap.exact
        )
        truth = lost = limit = ""
        if proof.mean_iou is not None and proof.mean_iou_float is not None:
            truth = f", mIoU {proof.mean_iou_float:.3f} -> {proof.mean_iou:.3f}"
        if self._drops(proof):
            lost, limit = f", {proof.drop:.2f} points lost", f", at most {self.max_drop:g} lost"
        return (
            f"the swapped network agrees with the float network on {proof.agreement:.2%} of the "
            f"pixels{truth}{lost} ({named}); the gate is {self.least:.2%}{limit}, and "
            f"{MAX_SHIFT_PX:g} px; no file was written: leave --swap out for an exact form, add "
            "--finetune DIR or --max-drop POINTS, or keep the layers with --swap keep"
        )

    def _has_collapsed(self, proof: Proof) -> bool:
        return self.least > 0 and proof.classes_found == 1 < proof.classes_seen

    def _drops(self, proof: Proof) -> bool:
        return self.max_drop is not None and proof.drop > self.max_drop

    def _refusal(self, proof: Proof, culprits: str) -> str:
        lowest = sorted(proof.per_class.items(), key=lambda item: item[1])[:3]
        named = ", ".join(f"{label} {share:.1%}" for label, share in lowest)
        collapse = f"shows one class where the float network shows {proof.classes_seen}, and "
        lost = limit = ""
        if self._drops(proof):
            lost = f"; it loses {proof.drop:.2f} points of {proof.drop_of}"
            limit = f" and at most {self.max_drop:g} points lost"
        advice = "give more typical frames with --calib, check --normalize and --color, or "
        return (
            f"the converted file {collapse if self._has_collapsed(proof) else ''}agrees with the "
            f"float network on {proof.agreement:.2%} of the pixels (worst frame "
            f"{proof.worst_frame}: {proof.worst:.2%}; lowest classes: {named})"
            f"{lost}; the gate is {self.least:.2%}{limit}; {culprits}no file was written: "
            f"{advice if self.calibrated else ''}take another precision"
        )
