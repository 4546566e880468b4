"""The light of a street: sunny, overcast or dusk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeseg.sources.scenery.paint import Air, Color


@dataclass(frozen=True)
class Look:
    """The light of a street: `sun` is the x direction it comes from, 0 for none."""

    air: Air
    zenith: Color
    horizon: Color
    cloud: Color
    cloudiness: float
    sun: int
    shadow: float
    left: float
    right: float
    front: float
    grain: float


def draw_look(rng: np.random.Generator) -> Look:
    """Draw a light: two streets in five are sunny, two overcast, one lies in dusk."""
    kind = rng.choice(["sunny", "overcast", "dusk"], p=[0.4, 0.4, 0.2])
    grain = rng.uniform(0.06, 0.18)
    exposure = rng.uniform(0.75, 1.2)
    if kind == "sunny":
        sun = int(rng.choice([-1, 1]))
        lit, dark = 1.15, 0.5
        haze = (238.0, 228.0, 218.0)
        return Look(
            Air(_scaled((0.92, 1.0, 1.06), exposure), haze, rng.uniform(160, 320)),
            zenith=jitter(rng, (225, 175, 120)), horizon=(252, 244, 232), cloud=(255, 254, 252),
            cloudiness=rng.uniform(-0.8, 1.0), sun=sun, shadow=rng.uniform(0.42, 0.6),
            left=lit if sun > 0 else dark, right=lit if sun < 0 else dark,
            front=rng.uniform(0.5, 1.0), grain=grain,
        )  # fmt: skip
    if kind == "overcast":
        gray = rng.uniform(205, 255)
        sky = (gray, gray * 0.99, gray * 0.97)
        return Look(
            Air(_scaled((1.02, 1.0, 0.97), exposure * 0.9), sky, rng.uniform(110, 260)),
            zenith=jitter(rng, (228, 224, 218), 0.12), horizon=sky, cloud=(250, 250, 250),
            cloudiness=rng.uniform(-0.2, 0.6), sun=0, shadow=1.0,
            left=rng.uniform(0.8, 0.95), right=rng.uniform(0.8, 0.95), front=0.8, grain=grain,
        )  # fmt: skip
    glow = jitter(rng, (150, 172, 188))
    return Look(
        Air(_scaled((0.5, 0.46, 0.44), exposure), _scaled(glow, 0.75), rng.uniform(150, 300)),
        zenith=jitter(rng, (150, 132, 118)), horizon=glow, cloud=jitter(rng, (120, 118, 122)),
        cloudiness=rng.uniform(-0.2, 0.8), sun=0, shadow=1.0,
        left=rng.uniform(0.6, 1.0), right=rng.uniform(0.6, 1.0), front=0.7, grain=grain * 1.5,
    )  # fmt: skip


def _scaled(color: Color, by: float) -> Color:
    return color[0] * by, color[1] * by, color[2] * by


def jitter(rng: np.random.Generator, color: Color, amount: float = 0.15) -> Color:
    """Return the colour made up to `amount` brighter or darker."""
    scale = rng.uniform(1 - amount, 1 + amount)
    return color[0] * scale, color[1] * scale, color[2] * scale
