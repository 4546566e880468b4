"""Painters of what stands or moves in the street: cars, people, riders, lamps, signs."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.street_paint import (
    BICYCLIST,
    CAR,
    PEDESTRIAN,
    POLE,
    SIGN,
    Canvas,
    Color,
)
from edgeseg.sources.street_scene import Look, Thing

_SKIN: Color = (120.0, 140.0, 185.0)
_STEEL: Color = (105.0, 108.0, 108.0)

# length, width, height, belt line, and the z of the cabin's feet and roof edges (rear to front)
_MODELS = (
    (3.9, 1.70, 1.48, 0.88, (0.10, 3.0), (0.45, 2.2)),
    (4.5, 1.76, 1.44, 0.88, (0.55, 3.4), (1.25, 2.5)),
    (5.0, 1.95, 2.15, 1.05, (0.02, 4.4), (0.06, 3.6)),
    (10.0, 2.50, 3.10, 1.20, (0.02, 9.98), (0.05, 9.9)),
)

Face = tuple[str, NDArray[np.float64]]


@lru_cache(maxsize=8)
def _car_faces(model: int, towards: bool) -> tuple[Face, ...]:
    """Return a car's faces back to front, as seen from its left-hand side: (role, corners)."""
    length, width, height, belt, foot, roof = _MODELS[model]
    half, slim = width / 2, width / 2 * (0.82 if model < 2 else 0.95)

    def lengthwise(x: float, profile: list[tuple[float, float]]) -> NDArray[np.float64]:
        return np.array([(x, y, z) for y, z in profile])

    def across(z: float, corners: list[tuple[float, float]], z_top: float | None = None) -> Face:
        top = max(y for _, y in corners)
        points = [(x, y, z_top if z_top is not None and y == top else z) for x, y in corners]
        return "", np.array(points)

    if towards:
        foot, roof = (length - foot[1], length - foot[0]), (length - roof[1], length - roof[0])
    sill, pillar = 0.28, (belt + 0.06, height - 0.1)
    lower = [(sill, 0.05), (belt, 0.0), (belt, length), (sill, length - 0.05)]
    slope = [(a + (b - a) * 0.12, a + (b - a) * 0.85) for a, b in zip(foot, roof, strict=True)]
    near_glass = [(-half * 0.86, pillar[0]), (half * 0.86, pillar[0]),
                  (slim * 0.88, pillar[1]), (-slim * 0.88, pillar[1])]  # fmt: skip
    light_y = (0.55, 0.72) if model < 2 else (0.6, 0.95)
    light_w = 0.3 if towards else 0.22

    def rect(x0: float, x1: float, y0: float, y1: float) -> list[tuple[float, float]]:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]

    def wheel(z: float) -> NDArray[np.float64]:
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = np.stack([np.zeros(12), 0.31 + 0.31 * np.sin(turn), z + 0.31 * np.cos(turn)], 1)
        return ring + (-half - 0.01, 0, 0)

    def hub(z: float) -> NDArray[np.float64]:
        middle = np.array((-half - 0.01, 0.31, z))
        return middle + (wheel(z) - middle) * 0.55

    body = np.concatenate([lengthwise(-half, lower), lengthwise(half, lower)])
    cabin = np.array(
        [(s * half * 0.94, belt, z) for s in (-1, 1) for z in foot]
        + [(s * slim, height, z) for s in (-1, 1) for z in roof]
    )
    side_glass = np.array([
        (-half * 0.95, pillar[0], slope[0][0] + 0.1), (-slim * 1.01, pillar[1], slope[0][1]),
        (-slim * 1.01, pillar[1], slope[1][1]), (-half * 0.95, pillar[0], slope[1][0] - 0.1),
    ])  # fmt: skip
    middle = (foot[0] + foot[1]) / 2
    post = np.array([(-half * 0.96, pillar[0], middle), (-slim * 1.02, pillar[1], middle),
                     (-slim * 1.02, pillar[1], middle + 0.1),
                     (-half * 0.96, pillar[0], middle + 0.1)])  # fmt: skip
    lamp = "head" if towards else "tail"
    return (
        ("tyre", across(0.12, rect(-half * 0.96, -half * 0.70, 0.0, 0.4))[1]),
        ("tyre", across(0.12, rect(half * 0.70, half * 0.96, 0.0, 0.4))[1]),
        ("top hull", body),
        ("roof hull", cabin),
        ("side", lengthwise(-half, lower)),
        ("tyre", wheel(0.75)), ("hub", hub(0.75)),
        ("tyre", wheel(length - 0.8)), ("hub", hub(length - 0.8)),
        ("glass", side_glass), ("side", post),
        ("shine", across(foot[0] - 0.01, near_glass, roof[0])[1]),
        ("front", across(0.0, rect(-half, half, sill, belt))[1]),
        ("under", across(-0.01, rect(-half * 0.98, half * 0.98, sill, sill + 0.12))[1]),
        (lamp, across(-0.02, rect(-half * 0.96, -half * 0.96 + light_w, *light_y))[1]),
        (lamp, across(-0.02, rect(half * 0.96 - light_w, half * 0.96, *light_y))[1]),
        ("plate", across(-0.02, rect(-0.27, 0.27, 0.45, 0.57))[1]),
    )  # fmt: skip


def car(canvas: Canvas, thing: Thing, z: float, look: Look) -> None:
    """Paint a car whose nearest bumper is at `z`; variants above 3 face the camera."""
    towards = thing.variant >= 4
    faces = _car_faces(thing.variant % 4, towards)
    flip = 1.0 if thing.x > canvas.camera.x_m else -1.0
    points = np.concatenate([corners for _, corners in faces])
    points = points * (flip * thing.size, thing.size, thing.size) + (thing.x, 0.0, z)
    image = canvas.camera.project(points)
    sideways = look.right if flip > 0 else look.left
    colors = _car_colors(canvas, thing.color, towards, sideways, look.front, z)
    start = 0
    for role, corners in faces:
        part = image[start : start + len(corners)]
        start += len(corners)
        if role.endswith("hull"):
            canvas.hull(part, colors[role], CAR)
        else:
            canvas.polygon(part, colors[role], CAR)


def _car_colors(
    canvas: Canvas, paint: Color, towards: bool, side: float, front: float, z: float
) -> dict[str, Color]:
    seen = canvas.air.seen
    return {
        "tyre": seen((24, 24, 24), 0.8, z),
        "hub": seen((118, 118, 118), side, z),
        "top hull": seen((paint[0] + 22, paint[1] + 20, paint[2] + 18), 1.1, z),
        "roof hull": seen((paint[0] + 14, paint[1] + 14, paint[2] + 12), 1.05, z),
        "side": seen(paint, side, z),
        "front": seen(paint, front, z),
        "glass": seen((62, 58, 54), 0.9, z),
        "shine": seen((98, 92, 86) if towards else (70, 66, 62), 0.95, z),
        "under": seen((paint[0] * 0.3 + 18, paint[1] * 0.3 + 18, paint[2] * 0.3 + 18), 0.9, z),
        "head": seen((235, 240, 240), 1.0, z),
        "tail": seen((36, 30, 170), 1.0, z),
        "plate": seen((225, 225, 225) if towards else (70, 190, 215), 1.0, z),
    }


def person(canvas: Canvas, thing: Thing, x: float, z: float, stride: float, label: int) -> None:
    """Paint someone walking; `stride` is the phase of the steps in radians."""
    figure = _Figure(canvas, x, z, thing.size / 1.75, label)
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
    figure.head(0.0, 1.58 + lift, 0.125, (30, 34, 44))
    figure.head(0.03 * thing.variant, 1.55 + lift, 0.085, _SKIN)


def rider(canvas: Canvas, thing: Thing, z: float, turn: float) -> None:
    """Paint a bicyclist seen from behind or in front; `turn` is the crank's angle in radians."""
    figure = _Figure(canvas, thing.x, z, thing.size / 1.75, BICYCLIST)
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
    figure.head(0.0, 1.63, 0.13, _SKIN)
    figure.head(0.0, 1.68, 0.13, thing.second)


def side_rider(canvas: Canvas, thing: Thing, x: float, z: float, turn: float) -> None:
    """Paint a bicyclist crossing the street, seen from the side."""
    figure = _Figure(canvas, x, z, thing.size / 1.75, BICYCLIST, thing.variant)
    for hub in (-0.52, 0.52):
        figure.ring(hub, 0.34, 0.32, (26, 26, 26))
    for line in ([(-0.52, 0.34), (-0.15, 0.85), (0.36, 0.88), (0.52, 0.34)],
                 [(-0.52, 0.34), (-0.02, 0.3), (0.36, 0.88)], [(-0.02, 0.3), (-0.15, 0.85)]):  # fmt: skip
        figure.line(line, 0.05, thing.color)
    for side in (0.0, math.pi):
        foot = (-0.02 + 0.16 * math.cos(turn + side), 0.3 + 0.16 * math.sin(turn + side))
        figure.line([(-0.16, 0.95), (0.2, 0.68 + foot[1] * 0.3), foot], 0.13, thing.second)
    figure.part([(-0.28, 0.92), (-0.04, 0.92), (0.26, 1.4), (0.04, 1.5)], thing.color)
    figure.line([(0.16, 1.38), (0.42, 0.98)], 0.09, thing.color)
    figure.head(0.24, 1.58, 0.12, _SKIN)


class _Figure:
    """A flat figure facing the camera, drawn in metres around its feet."""

    def __init__(
        self, canvas: Canvas, x: float, z: float, scale: float, label: int, facing: int = 1
    ) -> None:
        self.canvas, self.z, self.label = canvas, z, label
        self.x, self.y, pixels = canvas.camera.foot(x, z)
        self.scale = np.array((pixels * scale * facing, -pixels * scale))

    def _image(self, points: list[tuple[float, float]]) -> NDArray[np.float64]:
        return np.asarray(np.array(points) * self.scale + (self.x, self.y))

    def part(self, points: list[tuple[float, float]], color: Color) -> None:
        self.canvas.polygon(self._image(points), self._seen(color), self.label)

    def line(self, points: list[tuple[float, float]], width: float, color: Color) -> None:
        pixels = width * -self.scale[1]
        self.canvas.stroke(self._image(points), pixels, self._seen(color), self.label)

    def ring(self, x: float, y: float, radius: float, color: Color) -> None:
        turn = np.linspace(0, 2 * np.pi, 17)
        circle = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)
        points = circle * self.scale + (self.x, self.y)
        self.canvas.stroke(points, 0.06 * -self.scale[1], self._seen(color), self.label)

    def head(self, x: float, y: float, radius: float, color: Color) -> None:
        center = self._image([(x, y)])[0]
        size = radius * -self.scale[1]
        self.canvas.disc(center[0], center[1], size, self._seen(color), self.label)

    def _seen(self, color: Color) -> Color:
        return self.canvas.air.seen(color, 0.9, self.z)


def walker(canvas: Canvas, thing: Thing, x: float, z: float, stride: float) -> None:
    """Paint a pedestrian."""
    person(canvas, thing, x, z, stride, PEDESTRIAN)


def lamp(canvas: Canvas, thing: Thing, z: float) -> None:
    """Paint a street lamp: a tapering post with an arm over the road."""
    figure = _Figure(canvas, thing.x, z, 1.0, POLE, thing.variant)
    top = thing.size
    figure.line([(0, 0), (0, 1.3)], 0.2, _STEEL)
    figure.line([(0, 1.2), (0, top), (1.3, top + 0.25)], 0.12, _STEEL)
    figure.line([(1.1, top + 0.22), (1.8, top + 0.3)], 0.2, (150, 152, 152))


def sign(canvas: Canvas, thing: Thing, z: float) -> None:
    """Paint a traffic sign, a signboard or a traffic light on its post."""
    post = _Figure(canvas, thing.x, z, 1.0, POLE)
    height = 2.2 if thing.variant < 5 else 2.4
    post.line([(0, 0), (0, height + 0.3)], 0.09, _STEEL)
    plate = _Figure(canvas, thing.x, z, thing.size, SIGN)
    plate.y += height * plate.scale[1] * (1 - 1 / thing.size)
    _PLATES[thing.variant](plate, height, thing)


def _round_red(plate: _Figure, y: float, thing: Thing) -> None:
    plate.head(0, y + 0.3, 0.36, (44, 36, 190))
    plate.head(0, y + 0.3, 0.26, (225, 228, 228))
    plate.part([(-0.14, y + 0.4), (0.14, y + 0.4), (0.14, y + 0.2), (-0.14, y + 0.2)], (50, 50, 50))


def _triangle(plate: _Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.44, y), (0.44, y), (0, y + 0.76)], (44, 36, 190))
    plate.part([(-0.27, y + 0.1), (0.27, y + 0.1), (0, y + 0.55)], (225, 228, 228))


def _round_blue(plate: _Figure, y: float, thing: Thing) -> None:
    plate.head(0, y + 0.3, 0.36, (170, 84, 24))
    plate.part([(-0.06, y + 0.5), (0.06, y + 0.5), (0.06, y + 0.1), (-0.06, y + 0.1)], (230,) * 3)


def _board(plate: _Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.7, y), (0.7, y), (0.7, y + 0.8), (-0.7, y + 0.8)], thing.color)
    ink: Color = (40, 40, 40) if sum(thing.color) > 450 else (225, 225, 225)
    for line in (0.15, 0.38, 0.6):
        plate.part([(-0.55, y + line), (0.4, y + line), (0.4, y + line + 0.08),
                    (-0.55, y + line + 0.08)], ink)  # fmt: skip


def _tall_plate(plate: _Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.3, y - 0.5), (0.3, y - 0.5), (0.3, y + 0.5), (-0.3, y + 0.5)], (222, 224, 224))
    plate.head(0, y + 0.15, 0.24, (170, 84, 24))


def _traffic_light(plate: _Figure, y: float, thing: Thing) -> None:
    plate.part([(-0.2, y - 0.6), (0.2, y - 0.6), (0.2, y + 0.4), (-0.2, y + 0.4)], (22, 22, 22))
    lights = ((0.22, (50, 40, 220)), (-0.1, (30, 60, 70)), (-0.42, (40, 60, 30)))
    for up, color in lights:
        plate.head(0, y + up, 0.11, color)


_PLATES = (_round_red, _triangle, _round_blue, _board, _tall_plate, _traffic_light)
