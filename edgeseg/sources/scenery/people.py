"""Painters of pedestrians and bicyclists."""

from __future__ import annotations

import math

from edgeseg.sources.scenery.figure import Figure, Outline
from edgeseg.sources.scenery.paint import BICYCLIST, PEDESTRIAN, Canvas, Color
from edgeseg.sources.scenery.scene import Thing

_SKIN: Color = (120.0, 140.0, 185.0)
_FRAME: tuple[Outline, ...] = (
    [(-0.52, 0.34), (-0.15, 0.85), (0.36, 0.88), (0.52, 0.34)],
    [(-0.52, 0.34), (-0.02, 0.3), (0.36, 0.88)],
    [(-0.02, 0.3), (-0.15, 0.85)],
)


def paint_walker(canvas: Canvas, thing: Thing, x: float, z: float, stride: float) -> None:
    """Paint a pedestrian; `stride` is the phase of the steps in radians."""
    figure = Figure(canvas, x, z, thing.size / 1.75, PEDESTRIAN)
    swing, lift = 0.24 * math.sin(stride), 0.03 * abs(math.cos(stride))
    legs, coat = thing.second, thing.color
    dark = (legs[0] * 0.75, legs[1] * 0.75, legs[2] * 0.75)
    figure.part([(-0.13, 0.9), (0.06, 0.9), (swing + 0.05, 0.0), (swing - 0.08, 0.0)], dark)
    figure.part([(-0.06, 0.9), (0.13, 0.9), (0.08 - swing, 0.0), (-0.05 - swing, 0.0)], legs)
    figure.part([(-0.2, 1.42), (0.2, 1.42), (0.17, 0.78), (-0.17, 0.78)], coat)
    arm = (coat[0] * 0.8, coat[1] * 0.8, coat[2] * 0.8)
    figure.part([(0.15, 1.42), (0.25, 1.36), (0.27 + swing / 2, 0.8), (0.17 + swing / 2, 0.8)], arm)
    figure.part([(-0.25, 1.36), (-0.15, 1.42), (-0.17 - swing / 2, 0.8), (-0.27 - swing / 2, 0.8)],
                arm)  # fmt: skip
    figure.disc(0.0, 1.58 + lift, 0.125, (30, 34, 44))
    figure.disc(0.03 * thing.variant, 1.55 + lift, 0.085, _SKIN)


def paint_rider(canvas: Canvas, thing: Thing, z: float, turn: float) -> None:
    """Paint a bicyclist seen from behind or in front; `turn` is the crank's angle in radians."""
    figure = Figure(canvas, thing.x, z, thing.size / 1.75, BICYCLIST)
    pedal = 0.13 * math.sin(turn)
    figure.part([(-0.035, 0.68), (0.035, 0.68), (0.035, 0.0), (-0.035, 0.0)], (24, 24, 24))
    figure.part([(-0.28, 1.06), (0.28, 1.06), (0.28, 1.0), (-0.28, 1.0)], (40, 40, 40))
    for side in (-1, 1):
        hip, foot = side * 0.1, 0.28 + side * pedal
        figure.part([(hip - 0.09, 1.0), (hip + 0.09, 1.0), (side * 0.14 + 0.06, foot),
                     (side * 0.14 - 0.06, foot)], thing.second)  # fmt: skip
    figure.part([(-0.18, 1.5), (0.18, 1.5), (0.21, 0.92), (-0.21, 0.92)], thing.color)
    for side in (-1, 1):
        figure.part([(side * 0.15, 1.48), (side * 0.24, 1.4), (side * 0.29, 1.05),
                     (side * 0.21, 1.05)], thing.color)  # fmt: skip
    figure.disc(0.0, 1.63, 0.13, _SKIN)
    figure.disc(0.0, 1.68, 0.13, thing.second)


def paint_side_rider(canvas: Canvas, thing: Thing, x: float, z: float, turn: float) -> None:
    """Paint a bicyclist crossing the street, seen from the side."""
    figure = Figure(canvas, x, z, thing.size / 1.75, BICYCLIST, thing.variant)
    for hub in (-0.52, 0.52):
        figure.ring(hub, 0.34, 0.32, (26, 26, 26))
    for tube in _FRAME:
        figure.line(tube, 0.05, thing.color)
    for side in (0.0, math.pi):
        foot = (-0.02 + 0.16 * math.cos(turn + side), 0.3 + 0.16 * math.sin(turn + side))
        figure.line([(-0.16, 0.95), (0.2, 0.68 + foot[1] * 0.3), foot], 0.13, thing.second)
    figure.part([(-0.28, 0.92), (-0.04, 0.92), (0.26, 1.4), (0.04, 1.5)], thing.color)
    figure.line([(0.16, 1.38), (0.42, 0.98)], 0.09, thing.color)
    figure.disc(0.24, 1.58, 0.12, _SKIN)
