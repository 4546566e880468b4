"""The ground of the street: carriageway, markings, pavements, kerbs and the shadows on them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.scenery import art
from edgeseg.sources.scenery.paint import EYE_M, PAVEMENT, ROAD, Camera, Canvas, Color, fill
from edgeseg.sources.scenery.scene import PERIOD_M, VISIBLE_M, Layout, Plot, Scene, Thing

_FAR_M = 250.0
_KERB_M = 0.14
_TILE_M = 19.2
_KINDS = np.array([ROAD, PAVEMENT, PAVEMENT], np.uint8)
_SPANS_M = (3.0, 5.0, 8.0, 12.0, 20.0, 40.0, 110.0)


def crossing_x(layout: Layout, thing: Thing, z: float) -> float:
    """Return where someone crossing the street is, who must be over before the camera comes.

    The place depends on the distance alone: at walking pace from kerb to kerb while the camera
    drives from 55 m to 14 m.
    """
    share = min(max((55.0 - z) / 41.0, 0.0), 1.0)
    start, end = layout.kerb_left - 0.8, layout.kerb_right + 0.8
    return start + (end - start) * (share if thing.variant > 0 else 1.0 - share)


def paint_ground(
    canvas: Canvas, scene: Scene, driven_m: float, near: list[tuple[Thing, float]]
) -> None:
    """Paint everything below the horizon."""
    camera = canvas.camera
    height, width = canvas.truth.shape
    top = min(max(math.floor(camera.horizon_px) + 1, 0), height)
    rows = np.arange(top, height, dtype=np.float32) + 0.5 - camera.horizon_px
    z = np.minimum(camera.focal_px * EYE_M / np.maximum(rows, 0.25), _FAR_M)[:, None]
    columns = np.arange(width, dtype=np.float32) + np.float32(0.5 - camera.center_x_px)
    x = columns[None] * (z / camera.focal_px) + (camera.x_m - camera.bend * z * z)
    kinds = _kinds(scene, x, z[:, 0], driven_m)
    layout = scene.layout
    kerb = tuple(0.5 * c + 90 for c in layout.paving)
    table = np.zeros((256, 1, 3), np.uint8)
    table[:3, 0] = np.clip([layout.asphalt, layout.paving, kerb], 0, 255)
    pixels = np.asarray(cv2.LUT(cv2.merge([kinds, kinds, kinds]), table), np.uint8)
    canvas.truth[top:] = _KINDS[kinds]
    canvas.pixels[top:] = pixels
    _markings(canvas, layout, driven_m)
    light = _light(canvas, scene, driven_m, near)[top:]
    _shade(canvas, top, z[:, 0], _grain(x, z, driven_m, kinds), light)


def _kinds(scene: Scene, x: NDArray[Any], z: NDArray[Any], driven_m: float) -> NDArray[np.uint8]:
    """Return 0 for carriageway, 1 for pavement, 2 for kerbstone."""
    layout = scene.layout
    kinds = ((x < layout.kerb_left) | (x > layout.kerb_right)).astype(np.uint8)
    stone = (x > layout.kerb_left - _KERB_M) & (x < layout.kerb_right + _KERB_M)
    kinds += kinds * stone
    place = (z + driven_m) % PERIOD_M
    for plot in scene.plots:
        if plot.kind == "junction":
            mouth = np.flatnonzero((place > plot.z + 1) & (place < plot.z + plot.length - 1))
            outside = x[mouth] * plot.side > 0
            kinds[mouth] *= ~outside
    return np.asarray(kinds, np.uint8)


def _grain(
    x: NDArray[Any], z: NDArray[Any], driven_m: float, kinds: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the brightness of asphalt and slabs, 128 = unchanged, for each ground pixel."""
    per_m = art.NOISE_PX / _TILE_M
    columns = np.ascontiguousarray(x * np.float32(per_m))
    offset = np.float32((driven_m % _TILE_M) * per_m)
    rows = np.ascontiguousarray(np.broadcast_to(z * np.float32(per_m) + offset, x.shape))
    both = cv2.remap(
        art.ground_grain(), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return np.where(kinds == 0, both[:, :, 0], both[:, :, 1])


def _shade(
    canvas: Canvas, top: int, z: NDArray[Any], grain: NDArray[np.uint8],
    light: NDArray[np.uint8],
) -> None:  # fmt: skip
    air = canvas.air
    brightness = cv2.multiply(grain, light, scale=1 / 128)
    tinted = cv2.merge([cv2.convertScaleAbs(brightness, alpha=tint) for tint in air.tint])
    pixels = cv2.multiply(canvas.pixels[top:], tinted, scale=1 / 128)
    hazy = int(np.count_nonzero(z > 12))
    share = (1 - np.exp(-z[:hazy] / air.fog_m))[:, None, None]
    pixels[:hazy] = pixels[:hazy] * (1 - share) + np.array(air.fog, np.float32) * share
    canvas.pixels[top:] = pixels


def _markings(canvas: Canvas, layout: Layout, driven_m: float) -> None:
    pixels, camera = canvas.pixels, canvas.camera
    white: Color = (205, 208, 208)
    for place in np.arange(-(driven_m % 6.0), 72.0, 6.0):
        if place + 3.0 > 2.0:
            _strip(pixels, camera, layout.center, 0.12, (max(place, 2.0), place + 3.0), white)
    if layout.yellow:
        for kerb, inward in ((layout.kerb_left, 1), (layout.kerb_right, -1)):
            for gap in (0.3, 0.55):
                for span in pairwise(_SPANS_M):
                    x = kerb + inward * gap
                    _strip(pixels, camera, x, 0.09, span, (90, 170, 190))
    for place in (0.25 * PERIOD_M, 0.7 * PERIOD_M):
        ahead = (place - driven_m) % PERIOD_M
        if 2.5 < ahead < 60:
            for x in np.arange(layout.kerb_left + 0.4, layout.kerb_right - 0.4, 1.0):
                _strip(pixels, camera, x + 0.25, 0.5, (ahead, ahead + 2.6), white)


def _strip(
    pixels: NDArray[np.uint8], camera: Camera, x: float, width: float,
    span: tuple[float, float], color: Color,
) -> None:  # fmt: skip
    left, right = x - width / 2, x + width / 2
    corners = [(left, 0, span[0]), (right, 0, span[0]), (right, 0, span[1]), (left, 0, span[1])]
    fill(pixels, camera.project(np.array(corners)), color)


def _light(
    canvas: Canvas, scene: Scene, driven_m: float, near: list[tuple[Thing, float]]
) -> NDArray[np.uint8]:
    """Return the light on the ground, 128 = full, with the shadows of houses, trees and cars."""
    light = np.full(canvas.truth.shape, 128, np.uint8)
    shade = 128 * scene.look.shadow
    if scene.look.sun:
        for plot in scene.plots:
            _house_shadow(light, canvas.camera, scene, plot, driven_m, shade)
    for thing, z in near:
        if thing.kind == "tree" and scene.look.sun and z > 1:
            reach = -scene.look.sun * thing.size * 0.35
            radius = 0.3 * thing.size
            _patch(light, canvas.camera, thing.x + reach, z, radius * 1.4, radius, shade)
        elif thing.kind == "car" and z > -3:
            _under_car(light, canvas.camera, thing, z)
        elif thing.kind in ("walker", "rider") and z > 2:
            _patch(light, canvas.camera, thing.x, z, 0.4, 0.25, 80)
    return np.asarray(cv2.GaussianBlur(light, (5, 5), 0), np.uint8)


def _house_shadow(
    light: NDArray[np.uint8], camera: Camera, scene: Scene, plot: Plot, driven_m: float,
    shade: float,
) -> None:  # fmt: skip
    z = (plot.z - driven_m) % PERIOD_M
    z = z if z < PERIOD_M - 40 else z - PERIOD_M
    if plot.side != scene.look.sun or plot.kind == "junction" or not -plot.length < z < VISIBLE_M:
        return
    wall = scene.layout.wall_left if plot.side < 0 else scene.layout.wall_right
    reach = wall - plot.side * (0.7 * plot.height if plot.kind == "house" else 1.6)
    near, far = max(z, 1.5), z + plot.length
    outer = wall + plot.side * 3
    corners = [(outer, 0, near), (reach, 0, near + 1), (reach, 0, far + 1), (outer, 0, far)]
    fill(light, camera.project(np.array(corners)), shade)


def _under_car(light: NDArray[np.uint8], camera: Camera, thing: Thing, z: float) -> None:
    length = 10.0 if thing.variant % 4 == 3 else 4.2
    half = 1.35 if thing.variant % 4 == 3 else 0.98
    corners = [(-half, 0, -0.25), (half, 0, -0.25), (half, 0, length), (-half, 0, length)]
    place = np.array(corners) + np.array((thing.x, 0.0, max(z, 0.5)))
    fill(light, camera.project(place), 42.0)


def _patch(
    light: NDArray[np.uint8], camera: Camera, x: float, z: float, width: float, depth: float,
    shade: float,
) -> None:  # fmt: skip
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([x + width * np.cos(turn), 0 * turn, z + depth * np.sin(turn)], 1)
    fill(light, camera.project(ring), shade)
