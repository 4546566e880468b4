"""Painters of what stands on posts: street lamps, traffic signs, signboards, traffic lights."""

from __future__ import annotations

from edgeseg.sources.scenery.figure import Figure, Outline
from edgeseg.sources.scenery.paint import POLE, SIGN, Canvas, Color
from edgeseg.sources.scenery.scene import Thing

_STEEL: Color = (105.0, 108.0, 108.0)
_POST_M = 2.3
_WHITE: Color = (224.0, 226.0, 226.0)


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
    post.line([(0, 0), (0, _POST_M + 0.3)], 0.09, _STEEL)
    plate = Figure(canvas, thing.x, z, thing.size, SIGN)
    plate.y += _POST_M * post.scale[1]
    if thing.variant == _BOARD:
        _board(plate, thing.color)
    else:
        _PLATES[thing.variant](plate)


def _round_red(plate: Figure) -> None:
    plate.disc(0, 0.3, 0.36, (44, 36, 190))
    plate.disc(0, 0.3, 0.26, _WHITE)
    plate.part(_box(0.14, 0.2, 0.4), (50, 50, 50))


def _triangle(plate: Figure) -> None:
    plate.part([(-0.44, 0), (0.44, 0), (0, 0.76)], (44, 36, 190))
    plate.part([(-0.27, 0.1), (0.27, 0.1), (0, 0.55)], _WHITE)


def _round_blue(plate: Figure) -> None:
    plate.disc(0, 0.3, 0.36, (170, 84, 24))
    plate.part(_box(0.06, 0.1, 0.5), _WHITE)


def _tall_plate(plate: Figure) -> None:
    plate.part(_box(0.3, -0.5, 0.5), _WHITE)
    plate.disc(0, 0.15, 0.24, (170, 84, 24))


def _traffic_light(plate: Figure) -> None:
    plate.part(_box(0.2, -0.6, 0.4), (22, 22, 22))
    for up, color in ((0.22, (50, 40, 220)), (-0.1, (30, 60, 70)), (-0.42, (40, 60, 30))):
        plate.disc(0, up, 0.11, color)


def _board(plate: Figure, color: Color) -> None:
    plate.part(_box(0.7, 0, 0.8), color)
    ink = (40, 40, 40) if sum(color) > 450 else _WHITE
    for line in (0.15, 0.38, 0.6):
        plate.part(_box(0.5, line, line + 0.08), ink)


def _box(half: float, low: float, high: float) -> Outline:
    return [(-half, low), (half, low), (half, high), (-half, high)]


_PLATES = (_round_red, _triangle, _round_blue, _tall_plate, _traffic_light)
_BOARD = len(_PLATES)
