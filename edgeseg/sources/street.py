"""A procedural street as a moving car's camera sees it, with the exact class of every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size
from edgeseg.sources.scenery import art, cars, ground, people, plots, posts
from edgeseg.sources.scenery.paint import SKY, Camera, Canvas
from edgeseg.sources.scenery.scene import (
    PERIOD_M,
    SPEED_M_PER_S,
    VISIBLE_M,
    Scene,
    Thing,
    build_scene,
)

Stroke = tuple[float, Callable[[], None]]


def render_street(seed: int, t: float, size: Size) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the street of `seed` after `t` seconds of driving: picture and truth.

    The picture is BGR uint8 [height, width, 3]; the truth is uint8 [height, width] with the class
    indices of `edgeseg.labels.STREET`, one for every pixel. The same arguments give the same
    pixels. The camera drives at 8 m/s along a street that repeats every 384 m.
    """
    scene = build_scene(seed)
    driven_m = SPEED_M_PER_S * t
    canvas = Canvas(size.height, size.width, _camera(seed, t, size), scene.look.air)
    _paint_sky(canvas, seed)
    plots.paint_backdrop(canvas, seed)
    ground.paint_ground(canvas, scene, driven_m, _near(scene, t))
    for _, stroke in sorted(_strokes(canvas, scene, t), key=lambda entry: -entry[0]):
        stroke()
    pixels = _film(canvas.pixels, scene.look.grain, seed, t)
    if scene.mirrored:
        return pixels[:, ::-1].copy(), canvas.truth[:, ::-1].copy()
    return pixels, canvas.truth


def _camera(seed: int, t: float, size: Size) -> Camera:
    """Return the camera at `t`: it sways in its lane, looks about, and the street bends."""
    own = np.random.default_rng([seed & 0xFFFFFFFF, 0xCA3])
    phases = own.uniform(0, 2 * math.pi, 4)
    focal = size.width * own.uniform(0.8, 1.0)
    horizon = size.height * own.uniform(0.43, 0.54)
    bend = 0.0022 * math.sin(t / 9 + phases[0]) * own.uniform(0, 1)
    # Drivers look into the bend: most of its shift at 40 m is taken back by the yaw.
    yaw = 0.04 * math.sin(t / 7 + phases[1]) - 0.7 * bend * 40
    return Camera(
        focal_px=focal,
        center_x_px=size.width / 2 + focal * yaw,
        horizon_px=horizon + size.height * 0.004 * math.sin(5.3 * t + phases[2]),
        bend=bend,
        x_m=0.25 * math.sin(t / 5 + phases[3]),
    )


def _paint_sky(canvas: Canvas, seed: int) -> None:
    height, width = canvas.truth.shape
    sky = _sky(seed, height, width)
    pan = round(canvas.camera.center_x_px - width / 2)
    left = min(max(width // 2 - pan, 0), sky.shape[1] - width)
    canvas.pixels[:] = sky[:, left : left + width]
    canvas.truth[:] = SKY


@lru_cache(maxsize=4)
def _sky(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return a sky twice as wide as the picture, so that it can pan."""
    look = build_scene(seed).look
    rows = np.linspace(0, 1.9, (height + 1) // 2, dtype=np.float32).clip(0, 1)[:, None, None]
    zenith, horizon, cloud = np.array((look.zenith, look.horizon, look.cloud), np.float32)
    field = art.clouds(np.random.default_rng([seed & 0xFFFFFFFF, 0xC10D]), len(rows), width)
    cover = np.clip(0.5 * field + 0.5 * look.cloudiness, 0, 0.9)[:, :, None]
    clear = zenith * (1 - rows) + horizon * rows
    clouded = clear * (1 - cover) + cloud * cover
    shaded = np.clip(clouded * (1 + 0.04 * field)[:, :, None], 0, 255).astype(np.uint8)
    # Clouds are soft: half the resolution, stretched, cannot be told from the whole.
    return np.asarray(cv2.resize(shaded, (2 * width, height)), np.uint8)


def _ahead(z: float, t: float) -> float:
    """Return how far ahead of the camera the place `z` of the endless street is."""
    ahead = (z - SPEED_M_PER_S * t) % PERIOD_M
    return ahead if ahead < PERIOD_M - 40 else ahead - PERIOD_M


def _depth(thing: Thing, t: float) -> float:
    """Return the depth of a thing; cars in our own lane keep their distance, give or take."""
    if thing.kind == "car" and thing.speed == SPEED_M_PER_S:
        return thing.z + 3.5 * math.sin(t / 4 + thing.z)
    return _ahead(thing.z + thing.speed * t, t)


def _near(scene: Scene, t: float) -> list[tuple[Thing, float]]:
    placed = ((thing, _depth(thing, t)) for thing in scene.things)
    return [(thing, z) for thing, z in placed if -12 < z < VISIBLE_M]


def _strokes(canvas: Canvas, scene: Scene, t: float) -> list[Stroke]:
    """Return what to paint, each with the depth that orders it."""
    strokes: list[Stroke] = []
    for plot in scene.plots:
        z = _ahead(plot.z, t)
        if -plot.length < z - plots.NEAREST_M and z < VISIBLE_M:
            strokes.append((z + plot.length, _later(plots.paint_plot, canvas, scene, plot, z)))
    for thing, z in _near(scene, t):
        strokes.append((z, _later(_paint_thing, canvas, scene, thing, z, t)))
    return strokes


def _later(function: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: function(*arguments)


def _paint_thing(canvas: Canvas, scene: Scene, thing: Thing, z: float, t: float) -> None:
    if z < (-4.0 if thing.kind == "car" else 1.5) or _is_aside(canvas, thing, z):
        return
    pace = thing.phase + 5.5 * t
    if thing.kind == "car":
        cars.paint_car(canvas, thing, z, scene.look)
    elif thing.kind == "walker":
        people.paint_walker(canvas, thing, thing.x, z, pace)
    elif thing.kind == "rider":
        people.paint_rider(canvas, thing, z, pace)
    elif thing.kind == "crosser":
        people.paint_walker(canvas, thing, ground.crossing_x(scene.layout, thing, z), z, pace)
    elif thing.kind == "cross rider":
        people.paint_side_rider(canvas, thing, ground.crossing_x(scene.layout, thing, z), z, pace)
    elif thing.kind == "lamp":
        posts.paint_lamp(canvas, thing, z)
    elif thing.kind == "sign":
        posts.paint_sign(canvas, thing, z)
    elif thing.kind == "tree":
        plots.paint_tree(canvas, scene, thing.variant, thing.x, z, thing.size)


def _is_aside(canvas: Canvas, thing: Thing, z: float) -> bool:
    """Tell whether a thing that keeps its x is wholly out of the picture."""
    if thing.kind in ("crosser", "cross rider", "car"):
        return False
    column, _, scale = canvas.camera.foot(thing.x, z)
    reach = scale * max(2.0, 0.5 * thing.size)
    return not -reach < column < canvas.truth.shape[1] + reach


def _film(pixels: NDArray[np.uint8], grain: float, seed: int, t: float) -> NDArray[np.uint8]:
    """Return the picture a little soft and grainy, as a small camera gives it."""
    height, width = pixels.shape[:2]
    soft = cv2.GaussianBlur(pixels, (3, 3), 0.55 if width < 900 else 0.9)
    down, right = np.random.default_rng([seed & 0xFFFFFFFF, round(t * 1000)]).integers(64, size=2)
    noise = art.film_grain(height + 64, width + 64)[down : down + height, right : right + width]
    return np.asarray(cv2.addWeighted(soft, 1.0, noise, grain, -128 * grain), np.uint8)
