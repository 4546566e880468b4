"""A flat figure that faces the camera: people, bicycles and signs are drawn with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.scenery.paint import Canvas, Color

Outline = list[tuple[float, float]]


class Figure:
    """A flat figure facing the camera, drawn in metres around its feet: x to the right, y up."""

    def __init__(
        self, canvas: Canvas, x: float, z: float, scale: float, label: int, facing: int = 1
    ) -> None:
        """Stand a figure at (x, z); everything is `scale` times as large, -1 faces it left."""
        self.canvas, self.z, self.label = canvas, z, label
        self.x, self.y, pixels = canvas.camera.foot(x, z)
        self.scale = np.array((pixels * scale * facing, -pixels * scale))

    def _image(self, points: Outline) -> NDArray[np.float64]:
        return np.asarray(np.array(points) * self.scale + (self.x, self.y))

    def part(self, points: Outline, color: Color) -> None:
        """Fill a convex outline."""
        self.canvas.polygon(self._image(points), self._seen(color), self.label)

    def line(self, points: Outline, width: float, color: Color) -> None:
        """Draw an open line `width` metres thick."""
        pixels = width * -self.scale[1]
        self.canvas.stroke(self._image(points), pixels, self._seen(color), self.label)

    def ring(self, x: float, y: float, radius: float, color: Color) -> None:
        """Draw a thin circle."""
        turn = np.linspace(0, 2 * np.pi, 17)
        circle = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)
        points = circle * self.scale + (self.x, self.y)
        self.canvas.stroke(points, 0.06 * -self.scale[1], self._seen(color), self.label)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        """Fill a circle."""
        center = self._image([(x, y)])[0]
        size = radius * -self.scale[1]
        self.canvas.disc(center[0], center[1], size, self._seen(color), self.label)

    def _seen(self, color: Color) -> Color:
        return self.canvas.air.seen(color, 0.9, self.z)
