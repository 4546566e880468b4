"""Painters of what stands on posts: street lamps, traffic signs, signboards, traffic lights."""

from __future__ import annotations

from edgeseg.sources.scenery.figure import Figure
from edgeseg.sources.scenery.paint import POLE, SIGN, Canvas, Color
from edgeseg.sources.scenery.scene import Thing

_STEEL: Color = (105.0, 108.0, 108.0)


def paint_lamp(canvas: Canvas, thing: Thing, z: float) -> None:
    """Paint a street lamp: a tapering post with an arm over the road."""
    figure = Figure(canvas, thing.x, z, 1.0, POLE, thing.variant)
    top = thing.size
    figure.line([(0, 0), (0, 1.3)], 0.2, _STEEL)
    figure.line([(0, 1.2), (0, top), (1.3, top + 0.25)], 0.12, _STEEL)
    figure.line([(1.1, top + 0.22), (1.8, top + 0.3)], 0.2, (150, 152, 152))


def paint_sign(canvas: Canvas, thing: Thing, z: float) -> None:
    """Paint a traffic sign, a signboard or a traffic light on its post."""
    post = Figure(canvas, thing.x, z, 1.0, POLE)
    height = 2.2 if thing.variant < 5 else 2.4
    post.line([(0, 0), (0, height + 0.3)], 0.09, _STEEL)
    plate = Figure(canvas, thing.x, z, thing.size, SIGN)
    plate.y += height * plate.scale[1] * (1 - 1 / thing.size)
    _PLATES[thing.variant](plate, height, thing)


def _round_red(plate: Figure, y: float, thing: Thing) -> None:
    plate.head(0, y + 0.3, 0.36, (44, 36, 190))
    plate.head(0, y + 0.3, 0.26, (225, 228, 228))
    plate.part([(-0.14, y + 0.4), (0.14, y + 0.4), (0.14, y + 0.2), (-0.14, y + 0.2)], (50, 50, 50))


def _triangle(plate: Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.44, y), (0.44, y), (0, y + 0.76)], (44, 36, 190))
    plate.part([(-0.27, y + 0.1), (0.27, y + 0.1), (0, y + 0.55)], (225, 228, 228))


def _round_blue(plate: Figure, y: float, thing: Thing) -> None:
    plate.head(0, y + 0.3, 0.36, (170, 84, 24))
    plate.part([(-0.06, y + 0.5), (0.06, y + 0.5), (0.06, y + 0.1), (-0.06, y + 0.1)], (230,) * 3)


def _board(plate: Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.7, y), (0.7, y), (0.7, y + 0.8), (-0.7, y + 0.8)], thing.color)
    ink: Color = (40, 40, 40) if sum(thing.color) > 450 else (225, 225, 225)
    for line in (0.15, 0.38, 0.6):
        plate.part([(-0.55, y + line), (0.4, y + line), (0.4, y + line + 0.08),
                    (-0.55, y + line + 0.08)], ink)  # fmt: skip


def _tall_plate(plate: Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.3, y - 0.5), (0.3, y - 0.5), (0.3, y + 0.5), (-0.3, y + 0.5)], (222, 224, 224))
    plate.head(0, y + 0.15, 0.24, (170, 84, 24))


def _traffic_light(plate: Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.2, y - 0.6), (0.2, y - 0.6), (0.2, y + 0.4), (-0.2, y + 0.4)], (22, 22, 22))
    lights = ((0.22, (50, 40, 220)), (-0.1, (30, 60, 70)), (-0.42, (40, 60, 30)))
    for up, color in lights:
        plate.head(0, y + up, 0.11, color)


_PLATES = (_round_red, _triangle, _round_blue, _board, _tall_plate, _traffic_light)
