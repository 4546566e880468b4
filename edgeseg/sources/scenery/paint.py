"""A camera and a canvas on which picture and truth are painted by the same strokes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.labels import STREET

Color = tuple[float, float, float]

(SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST) = range(
    len(STREET.names)
)

EYE_M = 1.4
NEAR_M = 0.7
_SHIFT = 4


@dataclass(frozen=True)
class Camera:
    """A pinhole in a gently bending street; lengths in metres, image positions in pixels.

    World points are (x to the right, y up from the road, z ahead of the camera). The street bends
    by `bend` * z * z to the right, which costs nothing and saves a straight street's dullness.
    """

    focal_px: float
    center_x_px: float
    horizon_px: float
    bend: float
    x_m: float

    def project(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Map world points [n, 3] to image points [n, 2]; depths below `NEAR_M` are clamped."""
        depth = np.maximum(points[:, 2], NEAR_M)
        scale = self.focal_px / depth
        image = np.empty((len(points), 2), np.float64)
        image[:, 0] = self.center_x_px + (points[:, 0] - self.x_m + self.bend * depth**2) * scale
        image[:, 1] = self.horizon_px + (EYE_M - points[:, 1]) * scale
        return image

    def foot(self, x: float, z: float) -> tuple[float, float, float]:
        """Return image x and y of the ground point (x, z), and the pixels in a metre there."""
        scale = self.focal_px / max(z, NEAR_M)
        column = self.center_x_px + (x - self.x_m + self.bend * z * z) * scale
        return column, self.horizon_px + EYE_M * scale, scale


@dataclass(frozen=True)
class Air:
    """What light does to colours: a BGR tint of the light, and fog that thickens with distance."""

    tint: Color
    fog: Color
    fog_m: float

    def seen(self, color: Color, light: float, z: float) -> Color:
        """Return the colour of a surface with albedo `color` under `light` at `z` metres."""
        fog = self.fog_share(z)
        bright, tint, haze = light * (1.0 - fog), self.tint, self.fog
        return (
            min(color[0] * bright * tint[0] + haze[0] * fog, 255.0),
            min(color[1] * bright * tint[1] + haze[1] * fog, 255.0),
            min(color[2] * bright * tint[2] + haze[2] * fog, 255.0),
        )

    def fog_share(self, z: float) -> float:
        """Return how much of what is seen at `z` metres is fog, 0 to 1."""
        return 1.0 - math.exp(-max(z, 0.0) / self.fog_m)

    def seen_texture(self, texture: NDArray[np.uint8], light: float, z: float) -> NDArray[np.uint8]:
        """Apply `seen` to a BGRA texture [h, w, 4]; its alpha stays."""
        fog = self.fog_share(z)
        matrix = np.zeros((4, 5), np.float32)
        for channel in range(3):
            matrix[channel, channel] = light * self.tint[channel] * (1.0 - fog)
            matrix[channel, 4] = self.fog[channel] * fog
        matrix[3, 3] = 1.0
        return np.asarray(cv2.transform(texture, matrix), np.uint8)


class Canvas:
    """A BGR picture [h, w, 3] and its class map [h, w], always painted together."""

    def __init__(self, height: int, width: int, camera: Camera, air: Air) -> None:
        """Start with a black picture of class 0."""
        self.pixels: NDArray[np.uint8] = np.zeros((height, width, 3), np.uint8)
        self.truth: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.camera = camera
        self.air = air

    def polygon(self, points: NDArray[Any], color: Color, label: int) -> None:
        """Fill the convex polygon with image points [n, 2]."""
        corners = fixed(points)
        cv2.fillConvexPoly(self.pixels, corners, color, cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(self.truth, corners, label, cv2.LINE_8, _SHIFT)

    def hull(self, points: NDArray[Any], color: Color, label: int) -> None:
        """Fill the convex hull of image points [n, 2]."""
        self.polygon(cv2.convexHull(points.astype(np.float32))[:, 0], color, label)

    def disc(self, x: float, y: float, radius: float, color: Color, label: int) -> None:
        """Fill a circle; all in pixels."""
        center = fixed(np.array([[x, y]]))[0]
        size = max(int(radius * (1 << _SHIFT)), 1)
        where = (int(center[0]), int(center[1]))
        cv2.circle(self.pixels, where, size, color, -1, cv2.LINE_8, _SHIFT)
        cv2.circle(self.truth, where, size, label, -1, cv2.LINE_8, _SHIFT)

    def stroke(self, points: NDArray[Any], width: float, color: Color, label: int) -> None:
        """Draw an open line through image points [n, 2], at least one pixel wide."""
        corners = fixed(points)
        thick = max(round(width), 1)
        cv2.polylines(self.pixels, [corners], False, color, thick, cv2.LINE_8, _SHIFT)
        cv2.polylines(self.truth, [corners], False, label, thick, cv2.LINE_8, _SHIFT)

    def texture(
        self, levels: tuple[NDArray[np.uint8], ...], quad: NDArray[Any], label: int,
        light: float, z: float,
    ) -> None:  # fmt: skip
        """Stretch a BGRA texture over image points [4, 2]: top left, top right, bottom right, left.

        `levels` holds the texture and its halvings; the one nearest to the quad's height is used.
        Pixels with an alpha of 128 or more are painted.
        """
        left, top = np.floor(quad.min(0)).astype(int)
        right, bottom = np.ceil(quad.max(0)).astype(int) + 1
        box_height = bottom - top
        left, top = max(left, 0), max(top, 0)
        right = min(right, self.pixels.shape[1])
        bottom = min(bottom, self.pixels.shape[0])
        if right <= left or bottom <= top:
            return
        source = self.air.seen_texture(_level(levels, box_height), light, z)
        warped = _warp(source, quad - (left, top), right - left, bottom - top)
        _, mask = cv2.threshold(cv2.extractChannel(warped, 3), 127, 255, cv2.THRESH_BINARY)
        cv2.copyTo(warped[:, :, :3], mask, self.pixels[top:bottom, left:right])
        cv2.copyTo(np.full_like(mask, label), mask, self.truth[top:bottom, left:right])


def fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    """Return image points as OpenCV's fixed-point integers with `_SHIFT` fractional bits."""
    return np.asarray(points * (1 << _SHIFT) - (1 << _SHIFT - 1), np.int32)


def fill(image: NDArray[np.uint8], points: NDArray[Any], value: Color | float) -> None:
    """Fill a convex polygon of image points [n, 2] in one image only."""
    color = value if isinstance(value, tuple) else (value,)
    cv2.fillConvexPoly(image, fixed(points), color, cv2.LINE_8, _SHIFT)


def _level(levels: tuple[NDArray[np.uint8], ...], height_px: int) -> NDArray[np.uint8]:
    for texture in levels[:-1]:
        if texture.shape[0] < 1.5 * height_px:
            return texture
    return levels[-1]


def _warp(
    source: NDArray[np.uint8], quad: NDArray[Any], width: int, height: int
) -> NDArray[np.uint8]:
    rows, columns = source.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners - 0.5, (quad - 0.5).astype(np.float32))
    return np.asarray(cv2.warpPerspective(source, matrix, (width, height)), np.uint8)
