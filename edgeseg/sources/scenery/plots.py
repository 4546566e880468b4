"""Painters of what lines the street: houses, gardens with fences, trees, and the far backdrop."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.scenery import art
from edgeseg.sources.scenery.paint import BUILDING, FENCE, TREE, Canvas
from edgeseg.sources.scenery.scene import VISIBLE_M, Plot, Scene

NEAREST_M = 2.0
_DEEP_M = 12.0
_PLAIN_M = 60.0  # beyond, a side wall is one colour


def paint_plot(canvas: Canvas, scene: Scene, plot: Plot, z: float) -> None:
    """Paint one plot that begins `z` metres ahead; a junction is open ground."""
    if plot.kind == "house":
        _paint_house(canvas, scene, plot, z)
    elif plot.kind == "garden":
        _paint_garden(canvas, scene, plot, z)


def _wall(scene: Scene, side: int) -> float:
    return scene.layout.wall_left if side < 0 else scene.layout.wall_right


def _lengthwise_quad(
    canvas: Canvas, x: float, heights: tuple[float, float], z: tuple[float, float], side: int
) -> NDArray[np.float64]:
    """Return the image of an upright surface along the street, left edge first."""
    left, right = z if side < 0 else z[::-1]
    low, high = heights
    return canvas.camera.project(
        np.array([(x, high, left), (x, high, right), (x, low, right), (x, low, left)])
    )


def _paint_house(canvas: Canvas, scene: Scene, plot: Plot, z: float) -> None:
    side = plot.side
    x = _wall(scene, side) + side * plot.setback
    near, far = max(z, NEAREST_M), z + plot.length
    light = (scene.look.left if side < 0 else scene.look.right) * plot.shade
    top, ridge = plot.height, (x + side * _DEEP_M / 2, plot.height + plot.ridge)
    roof = canvas.air.seen(scene.roofs[plot.variant % len(scene.roofs)], light + 0.1, near)
    slope = np.array([(x, top, near), (*ridge, near), (*ridge, far), (x, top, far)])
    canvas.polygon(canvas.camera.project(slope), roof, BUILDING)
    front, wall = scene.houses[plot.variant]
    if z > NEAREST_M:
        _paint_gable(canvas, scene, plot, wall, x, near)
    quad = _lengthwise_quad(canvas, x, (0.0, top), (near, far), side)
    shown = _cropped(front, (near - z) / plot.length, side)
    canvas.texture(shown, quad, BUILDING, light, (near + far) / 2)


def _paint_gable(
    canvas: Canvas, scene: Scene, plot: Plot, wall: art.Texture, x: float, z: float
) -> None:
    """Paint the side wall that faces the camera, with the triangle under the roof."""
    light = scene.look.front * plot.shade
    blue, green, red = wall[-1][:, :, :3].reshape(-1, 3).mean(0).tolist()
    back, top = x + plot.side * _DEEP_M, plot.height
    outline = np.array([(x, 0, z), (x, top, z), ((x + back) / 2, top + plot.ridge, z),
                        (back, top, z), (back, 0, z)])  # fmt: skip
    color = canvas.air.seen((blue, green, red), light, z)
    canvas.polygon(canvas.camera.project(outline), color, BUILDING)
    if z < _PLAIN_M:
        left, right = sorted((x, back))
        quad = np.array([(left, top, z), (right, top, z), (right, 0, z), (left, 0, z)])
        canvas.texture(wall, canvas.camera.project(quad), BUILDING, light, z)


def _paint_garden(canvas: Canvas, scene: Scene, plot: Plot, z: float) -> None:
    side, look = plot.side, scene.look
    x = _wall(scene, side)
    light = (look.left if side < 0 else look.right) * plot.shade
    far = z + plot.length
    for step in range(3, -1, -1):
        place = z + (step + 0.5) * plot.length / 4
        if place > NEAREST_M and (plot.variant + step) % 3:
            paint_tree(canvas, scene, (plot.variant + step) % 5, x + side * (2 + step % 2 * 1.5),
                       place, 3.5 + plot.height * 0.45 + step % 3)  # fmt: skip
    panels = max(round(plot.length / 4), 1) if z < 40 else 1
    for panel in range(panels - 1, -1, -1):
        start = z + panel * plot.length / panels
        end = start + plot.length / panels
        if end <= NEAREST_M + 0.2:
            continue
        near = max(start, NEAREST_M)
        gone = (near - start) / (end - start)
        bushes = _cropped(scene.hedges[plot.variant % 3], gone, side)
        tall = 2.0 + plot.ridge * 0.6
        quad = _lengthwise_quad(canvas, x + side * 0.6, (0.0, tall), (near, min(end, far)), side)
        canvas.texture(bushes, quad, TREE, light, near)
        if plot.variant % 4:
            boards = _cropped(scene.fences[plot.variant % 3], gone, side)
            quad = _lengthwise_quad(canvas, x, (0.0, 1.55 + plot.setback * 0.2), (near, end), side)
            canvas.texture(boards, quad, FENCE, light, near)


def _cropped(levels: art.Texture, gone: float, side: int) -> art.Texture:
    """Return the texture without the share `gone` of it that lies behind the camera."""
    if gone <= 0:
        return levels
    shown = []
    for texture in levels:
        columns = texture.shape[1]
        cut = min(int(columns * gone), columns - 1)
        shown.append(texture[:, : columns - cut] if side > 0 else texture[:, cut:])
    return tuple(shown)


def paint_tree(
    canvas: Canvas, scene: Scene, variant: int, x: float, z: float, height_m: float
) -> None:
    """Paint a tree `height_m` high that stands at (x, z)."""
    column, foot, scale = canvas.camera.foot(x, z)
    half, tall = 0.4 * height_m * scale, height_m * scale
    quad = np.array([
        (column - half, foot - tall), (column + half, foot - tall),
        (column + half, foot), (column - half, foot),
    ])  # fmt: skip
    canvas.texture(scene.trees[variant], quad, TREE, 1.0 if scene.look.sun else 0.9, z)


def paint_backdrop(canvas: Canvas, seed: int) -> None:
    """Paint the far end of the street: hazy houses and trees along the whole horizon."""
    camera = canvas.camera
    middle = camera.center_x_px + camera.bend * VISIBLE_M * camera.focal_px
    scale = camera.focal_px / VISIBLE_M
    base = camera.horizon_px + 2 * scale
    for left, right, height, is_tree, shade in _backdrop(seed):
        x0, x1 = middle + left * scale, middle + right * scale
        top = camera.horizon_px - height * scale
        color = (50.0, 72.0, 62.0) if is_tree else (100.0 * shade, 104.0 * shade, 112.0 * shade)
        seen = canvas.air.seen(color, 0.9, 0.8 * VISIBLE_M)
        if is_tree:
            bulge = (x1 - x0) * 0.25
            corners = [(x0, top + bulge), (x0 + bulge, top), (x1 - bulge, top), (x1, top + bulge)]
        else:
            corners = [(x0, top), (x0, top), (x1, top), (x1, top)]
        outline = np.array([*corners, (x1 + 1, base), (x0 - 1, base)])
        canvas.polygon(outline, seen, TREE if is_tree else BUILDING)


@lru_cache(maxsize=8)
def _backdrop(seed: int) -> tuple[tuple[float, float, float, bool, float], ...]:
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 0xBAC])
    pieces = []
    for left in np.arange(-150.0, 150.0, 9.0):
        is_tree = bool(rng.random() < 0.5)
        height = float(rng.uniform(3, 9))
        width = 9.0 + float(rng.uniform(0, 5))
        pieces.append((float(left), float(left) + width, height, is_tree, rng.uniform(0.7, 1.2)))
    return tuple(pieces)
