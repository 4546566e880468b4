"""What stands and moves in one street: a seed's light, layout, plots, props and movers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgeseg.sources.scenery import art
from edgeseg.sources.scenery.look import Look, draw_look, jitter
from edgeseg.sources.scenery.paint import Color

PERIOD_M = 384.0
"""The street repeats after this length, so it never ends."""
VISIBLE_M = 125.0
SPEED_M_PER_S = 8.0

_PAINTS: tuple[Color, ...] = (
    (205, 205, 205), (170, 172, 175), (120, 122, 124), (40, 38, 38), (66, 62, 60), (45, 40, 140),
    (120, 60, 30), (80, 40, 24), (50, 80, 44), (150, 120, 70), (90, 110, 120), (30, 30, 90),
)  # fmt: skip
_CLOTHES: tuple[Color, ...] = (
    (32, 30, 30), (60, 42, 36), (90, 60, 40), (48, 44, 110), (130, 132, 136), (60, 66, 60),
    (44, 54, 74), (200, 200, 200), (40, 120, 150), (90, 40, 80),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where the street's lengthwise lines are, as x in metres from the camera's lane's middle."""

    kerb_left: float
    kerb_right: float
    wall_left: float
    wall_right: float
    center: float
    parking: float
    asphalt: Color
    paving: Color
    yellow: bool


@dataclass(frozen=True)
class Plot:
    """A stretch along one side: "house", "garden" or "junction"."""

    kind: str
    side: int
    z: float
    length: float
    height: float
    ridge: float
    setback: float
    variant: int
    shade: float


@dataclass(frozen=True)
class Thing:
    """Something that stands or moves: its place at t = 0, its speed along z, its look."""

    kind: str
    x: float
    z: float
    speed: float = 0.0
    size: float = 1.0
    variant: int = 0
    color: Color = (128.0, 128.0, 128.0)
    second: Color = (40.0, 40.0, 40.0)
    phase: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Everything about a seed's street that does not change with time."""

    mirrored: bool
    look: Look
    layout: Layout
    plots: tuple[Plot, ...]
    things: tuple[Thing, ...]
    houses: tuple[tuple[art.Texture, art.Texture], ...]
    fences: tuple[art.Texture, ...]
    hedges: tuple[art.Texture, ...]
    trees: tuple[art.Texture, ...]
    roofs: tuple[Color, ...]


@lru_cache(maxsize=8)
def build_scene(seed: int) -> Scene:
    """Make the street of `seed`, the same one every time."""
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 0x57EE7])
    layout = _layout(rng)
    plots = _plots(rng, -1) + _plots(rng, 1)
    return Scene(
        mirrored=bool(rng.random() < 0.4),
        look=draw_look(rng),
        layout=layout,
        plots=plots,
        things=_furniture(rng, layout) + _parked(rng, layout, plots) + _traffic(rng, layout)
        + _people(rng, layout),
        houses=tuple(art.house(rng, 2 + index // 3) for index in range(8)),
        fences=tuple(art.fence(rng) for _ in range(3)),
        hedges=tuple(art.hedge(rng) for _ in range(3)),
        trees=tuple(art.tree(rng) for _ in range(5)),
        roofs=tuple(jitter(rng, base) for base in ((82, 76, 72), (60, 74, 110), (70, 70, 74))),
    )  # fmt: skip


def _pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    return jitter(rng, colors[rng.integers(len(colors))])


def _layout(rng: np.random.Generator) -> Layout:
    lane = rng.uniform(3.0, 3.6)
    parking = 2.2 if rng.random() < 0.6 else 0.5
    kerb_left = -lane / 2 - parking
    kerb_right = lane * 1.5 + (2.2 if rng.random() < 0.6 else 0.5)
    gray = rng.uniform(88, 128)
    pave = rng.uniform(110, 155)
    return Layout(
        kerb_left, kerb_right,
        wall_left=kerb_left - rng.uniform(2.2, 4.5), wall_right=kerb_right + rng.uniform(2.2, 4.5),
        center=lane / 2, parking=parking,
        asphalt=(gray * 1.02, gray, gray * rng.uniform(0.96, 1.0)),
        paving=(pave * 0.95, pave, pave * rng.uniform(1.0, 1.05)), yellow=bool(rng.random() < 0.4),
    )  # fmt: skip


def _plots(rng: np.random.Generator, side: int) -> tuple[Plot, ...]:
    weights = rng.dirichlet([9.0, 3.5, 0.8])
    plots: list[Plot] = []
    z = 0.0
    while z < PERIOD_M:
        kind = str(rng.choice(["house", "garden", "junction"], p=weights))
        if plots and plots[-1].kind == "junction" == kind:
            kind = "house"
        length = {"house": rng.uniform(7, 15), "garden": rng.uniform(8, 20), "junction": 9.0}[kind]
        length = length if PERIOD_M - z - length > 6 else PERIOD_M - z
        variant = int(rng.integers(8))
        height = (2 + variant // 3) * art.STOREY_M * rng.uniform(0.9, 1.15)
        setback = rng.uniform(0, 0.6) if rng.random() < 0.75 else rng.uniform(1.0, 2.5)
        plots.append(
            Plot(kind, side, z, length, height, rng.uniform(1.0, 3.2), setback, variant,
                 rng.uniform(0.85, 1.1))
        )  # fmt: skip
        z += length
    return tuple(plots)


def _furniture(rng: np.random.Generator, layout: Layout) -> tuple[Thing, ...]:
    things: list[Thing] = []
    wooded = rng.uniform(0, 0.6)
    for side, kerb in ((-1, layout.kerb_left), (1, layout.kerb_right)):
        for place in np.arange(0.0, PERIOD_M, 24.0):
            x, z = kerb + side * 0.45, float(place + rng.uniform(0, 5) + 12 * (side > 0))
            things.append(Thing("lamp", x, z, size=rng.uniform(6, 8.5), variant=-side))
        for place in np.arange(0.0, PERIOD_M, 12.0):
            z = float(place + rng.uniform(0, 7))
            if rng.random() < wooded:
                things.append(
                    Thing("tree", kerb + side * rng.uniform(0.7, 1.1), z + 3,
                          size=rng.uniform(4.5, 9), variant=int(rng.integers(5)))
                )  # fmt: skip
            if rng.random() < 0.8:
                things.append(_sign(rng, kerb + side * rng.uniform(0.4, 0.7), z))
    return tuple(things)


def _sign(rng: np.random.Generator, x: float, z: float) -> Thing:
    kind = int(rng.choice(6, p=[0.2, 0.15, 0.15, 0.15, 0.2, 0.15]))
    boards = ((90, 120, 30), (150, 70, 20), (210, 210, 205), (40, 170, 220))
    return Thing("sign", x, z, size=rng.uniform(0.85, 1.35), variant=kind, color=_pick(rng, boards))


def _parked(rng: np.random.Generator, layout: Layout, plots: tuple[Plot, ...]) -> tuple[Thing, ...]:
    things: list[Thing] = []
    crowded = rng.uniform(0.05, 0.65)
    for side, kerb in ((-1, layout.kerb_left), (1, layout.kerb_right)):
        half_lane = layout.center if side < 0 else 3 * layout.center
        if abs(kerb) - half_lane < 2.0:
            continue
        mouths = [p for p in plots if p.side == side and p.kind == "junction"]
        for place in np.arange(2.0, PERIOD_M - 6.0, 6.0):
            z = float(place + rng.uniform(-0.4, 0.4))
            blocked = any(p.z - 6 < z < p.z + p.length + 1 for p in mouths)
            if rng.random() < crowded and not blocked:
                things.append(_car(rng, kerb - side * 1.05, z, 0.0, away=rng.random() < 0.7))
    return tuple(things)


def _car(rng: np.random.Generator, x: float, z: float, speed: float, away: bool) -> Thing:
    model = int(rng.choice(4, p=[0.45, 0.35, 0.14, 0.06])) if speed else int(rng.choice(3))
    return Thing(
        "car", x, z, speed, size=rng.uniform(0.94, 1.06), variant=model if away else model + 4,
        color=_pick(rng, _PAINTS),
    )  # fmt: skip


def _traffic(rng: np.random.Generator, layout: Layout) -> tuple[Thing, ...]:
    lane = 2 * layout.center
    oncoming = [
        _car(rng, lane + rng.uniform(-0.1, 0.2), float(place + rng.uniform(-8, 8)), -9.0, False)
        for place in np.arange(0.0, PERIOD_M, rng.uniform(24, 70))
    ]
    ahead = [
        _car(rng, rng.uniform(-0.2, 0.2), place, SPEED_M_PER_S, True)
        for place in (rng.uniform(12, 22), rng.uniform(38, 50), rng.uniform(60, 80))
        if rng.random() < 0.6
    ]
    return tuple(oncoming + ahead)


def _people(rng: np.random.Generator, layout: Layout) -> tuple[Thing, ...]:
    things: list[Thing] = []
    busy = rng.uniform(14, 60)
    for side, kerb, wall in (
        (-1, layout.kerb_left, layout.wall_left),
        (1, layout.kerb_right, layout.wall_right),
    ):
        for _ in range(int(busy)):
            x = kerb + side * (0.5 + rng.random() * (abs(wall - kerb) - 0.8))
            pace = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.9, 1.6))
            things.append(_person(rng, "walker", x, pace))
        rider = kerb - side * (layout.parking + 0.3 if layout.parking > 2 else 0.6)
        riders = range(int(rng.integers(3, 9)))
        things.extend(_person(rng, "rider", rider, -side * 5.0) for _ in riders)
    crossing = ("crosser",) * 4 + ("cross rider",) * 2
    things.extend(_person(rng, kind, 0.0, 0.0) for kind in crossing)
    return tuple(things)


def _person(rng: np.random.Generator, kind: str, x: float, speed: float) -> Thing:
    return Thing(
        kind, x, rng.uniform(0, PERIOD_M), speed, size=rng.uniform(1.55, 1.88),
        variant=int(rng.choice([-1, 1])), color=_pick(rng, _CLOTHES), second=_pick(rng, _CLOTHES),
        phase=rng.uniform(0, 6.28),
    )  # fmt: skip
