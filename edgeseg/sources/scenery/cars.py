"""Painters of cars, vans and buses: extruded side profiles with glass, wheels, lights and plate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.scenery.look import Look
from edgeseg.sources.scenery.paint import CAR, Canvas, Color
from edgeseg.sources.scenery.scene import Thing

Face = tuple[str, NDArray[np.float64]]
Point = tuple[float, float]

_SILL_M = 0.28
_FAR_M = 45.0
_COARSE = ("top hull", "roof hull", "side", "glass", "shine", "front", "head", "tail")


@dataclass(frozen=True)
class _Model:
    """Sizes in metres; `foot` and `roof` are where the cabin begins and ends, rear first."""

    length: float
    width: float
    height: float
    belt: float
    foot: Point
    roof: Point
    slim: float
    lights: Point


_MODELS = (
    _Model(3.9, 1.70, 1.48, 0.88, (0.10, 3.0), (0.45, 2.2), 0.82, (0.55, 0.72)),
    _Model(4.5, 1.76, 1.44, 0.88, (0.55, 3.4), (1.25, 2.5), 0.82, (0.55, 0.72)),
    _Model(5.0, 1.95, 2.15, 1.05, (0.02, 4.4), (0.06, 3.6), 0.95, (0.6, 0.95)),
    _Model(10.0, 2.50, 3.10, 1.20, (0.02, 9.98), (0.05, 9.9), 0.95, (0.6, 0.95)),
)


def paint_car(canvas: Canvas, thing: Thing, z: float, look: Look) -> None:
    """Paint a car whose nearest bumper is at `z`; variants above 3 face the camera."""
    towards = thing.variant >= len(_MODELS)
    faces = _faces(thing.variant % len(_MODELS), towards, z > _FAR_M)
    flip = 1.0 if thing.x > canvas.camera.x_m else -1.0
    points = np.concatenate([corners for _, corners in faces])
    points = points * (flip * thing.size, thing.size, thing.size) + (thing.x, 0.0, z)
    image = canvas.camera.project(points)
    colors = _colors(canvas, thing.color, towards, look.right if flip > 0 else look.left, look, z)
    start = 0
    for role, corners in faces:
        part = image[start : start + len(corners)]
        start += len(corners)
        if role.endswith("hull"):
            canvas.hull(part, colors[role], CAR)
        else:
            canvas.polygon(part, colors[role], CAR)


def _colors(
    canvas: Canvas, paint: Color, towards: bool, side: float, look: Look, z: float
) -> dict[str, Color]:
    blue, green, red = paint
    albedo: dict[str, tuple[Color, float]] = {
        "tyre": ((24, 24, 24), 0.8),
        "hub": ((118, 118, 118), side),
        "top hull": ((blue + 30, green + 28, red + 26), 1.1),
        "roof hull": ((blue + 20, green + 20, red + 18), 1.05),
        "side": (paint, side),
        "door": ((blue * 0.72, green * 0.72, red * 0.72), side),
        "front": (paint, look.front),
        "glass": ((62, 58, 54), 0.9),
        "sky": ((128, 124, 118), 0.95),
        "shine": ((98, 92, 86) if towards else (70, 66, 62), 0.95),
        "under": ((blue * 0.3 + 18, green * 0.3 + 18, red * 0.3 + 18), 0.9),
        "head": ((235, 240, 240), 1.0),
        "tail": ((36, 30, 170), 1.0),
        "plate": ((225, 225, 225) if towards else (70, 190, 215), 1.0),
    }
    return {role: canvas.air.seen(color, light, z) for role, (color, light) in albedo.items()}


@lru_cache(maxsize=16)
def _faces(index: int, towards: bool, coarse: bool) -> tuple[Face, ...]:
    """Return a car's faces back to front, as seen from its left-hand side: (role, corners)."""
    model = _turned(_MODELS[index]) if towards else _MODELS[index]
    faces = [*_hulls(model), *_side(model), *_end(model, towards)]
    return tuple(face for face in faces if not coarse or face[0] in _COARSE)


def _turned(model: _Model) -> _Model:
    (foot, bonnet), (roof, screen) = model.foot, model.roof
    length = model.length
    return _Model(length, model.width, model.height, model.belt, (length - bonnet, length - foot),
                  (length - screen, length - roof), model.slim, model.lights)  # fmt: skip


def _hulls(model: _Model) -> list[Face]:
    half = model.width / 2
    body = [(x, y, z) for x in (-half, half) for y in (_SILL_M, model.belt)
            for z in (0.02, model.length - 0.02)]  # fmt: skip
    foot = [(s * half * 0.94, model.belt, z) for s in (-1, 1) for z in model.foot]
    roof = [(s * half * model.slim, model.height, z) for s in (-1, 1) for z in model.roof]
    tyres = [
        ("tyre", _upright(0.12, s * half * 0.83 - 0.12, s * half * 0.83 + 0.12, 0.0, 0.4))
        for s in (-1, 1)
    ]
    return [*tyres, ("top hull", np.array(body)), ("roof hull", np.array(foot + roof))]


def _side(model: _Model) -> list[Face]:
    half, low, high = model.width / 2, model.belt + 0.06, model.height - 0.1
    slim = half * model.slim * 1.01
    back = model.foot[0] * 0.88 + model.roof[0] * 0.12 + 0.1, model.roof[0] + 0.1
    front = model.foot[1] * 0.88 + model.roof[1] * 0.12 - 0.1, model.roof[1] - 0.1
    middle = sum(model.foot) / 2
    body = [(_SILL_M, 0.05), (model.belt, 0.0), (model.belt, model.length),
            (_SILL_M, model.length - 0.05)]  # fmt: skip
    sill = [(y, z) for y, z in zip((_SILL_M, 0.48, 0.48, _SILL_M), (0.0, 0.0, 9.9, 9.9),
                                   strict=True)]  # fmt: skip
    pane = [(-half * 0.95, low, back[0]), (-slim, high, back[1]), (-slim, high, front[1]),
            (-half * 0.95, low, front[0])]  # fmt: skip
    post = [(-half * 0.96, low, middle), (-slim, high, middle), (-slim, high, middle + 0.1),
            (-half * 0.96, low, middle + 0.1)]  # fmt: skip
    wheels = [
        (role, _wheel(-half - 0.01, z, radius))
        for z in (0.75, model.length - 0.8)
        for role, radius in (("tyre", 0.31), ("hub", 0.17))
    ]
    return [
        ("side", np.array([(-half, y, z) for y, z in body])),
        ("door", np.array([(-half, y, min(z, model.length)) for y, z in sill])),
        *wheels,
        ("glass", np.array(pane)),
        ("side", np.array(post)),
    ]


def _end(model: _Model, towards: bool) -> list[Face]:
    """Return the end that faces the camera."""
    half, low, high = model.width / 2, model.belt + 0.06, model.height - 0.1
    slim, wide = half * model.slim * 0.88, 0.3 if towards else 0.22
    foot, roof = model.foot[0] - 0.01, model.roof[0] - 0.01
    bend, between = low + 0.65 * (high - low), foot + 0.65 * (roof - foot)
    edge = half * 0.86 + 0.65 * (slim - half * 0.86)
    pane = [(-half * 0.86, low, foot), (half * 0.86, low, foot), (slim, high, roof),
            (-slim, high, roof)]  # fmt: skip
    sky = [(-edge, bend, between), (edge, bend, between), (slim, high, roof), (-slim, high, roof)]
    lamp = "head" if towards else "tail"
    left, right = -half * 0.96, half * 0.96
    return [
        ("shine", np.array(pane)),
        ("sky", np.array(sky)),
        ("front", _upright(0.0, -half, half, _SILL_M, model.belt)),
        ("under", _upright(-0.01, left, right, _SILL_M, _SILL_M + 0.12)),
        ("under", _upright(-0.01, -half * 0.5, half * 0.5, 0.6, 0.7)),
        (lamp, _upright(-0.02, left, left + wide, *model.lights)),
        (lamp, _upright(-0.02, right - wide, right, *model.lights)),
        ("plate", _upright(-0.02, -0.27, 0.27, 0.43, 0.55)),
    ]


def _upright(z: float, left: float, right: float, low: float, high: float) -> NDArray[np.float64]:
    return np.array([(left, low, z), (right, low, z), (right, high, z), (left, high, z)])


def _wheel(x: float, z: float, radius: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = (np.full(12, x), 0.31 + radius * np.sin(turn), z + radius * np.cos(turn))
    return np.stack(ring, 1)
