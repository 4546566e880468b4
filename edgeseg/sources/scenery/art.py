"""Textures of the street: facades, fences, trees, clouds, and the noise they are made of."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeseg.sources.scenery.paint import Color

Texture = tuple[NDArray[np.uint8], ...]

NOISE_PX = 512
STOREY_M = 3.0
FACADE_M = 10.0
_PX_PER_M = 20

_WALLS: tuple[Color, ...] = (
    (62, 80, 122), (78, 92, 130), (118, 150, 172), (138, 152, 160), (198, 204, 206),
    (66, 68, 72), (132, 134, 138), (150, 178, 190), (84, 100, 112), (170, 160, 150),
)  # fmt: skip
_SHOPS: tuple[Color, ...] = (
    (40, 36, 150), (110, 60, 30), (50, 90, 30), (30, 30, 32), (40, 130, 190), (190, 190, 190),
)  # fmt: skip
_LEAVES: tuple[Color, ...] = (
    (38, 78, 62), (34, 66, 48), (46, 92, 84), (52, 74, 74), (62, 74, 84), (40, 60, 50),
)  # fmt: skip


@lru_cache(maxsize=16)
def noise(power: float) -> NDArray[np.float32]:
    """Return a seamless tile [512, 512] of 1/f**power noise with mean 0 and deviation 1."""
    white = np.random.default_rng(20).standard_normal((NOISE_PX, NOISE_PX))
    rows, columns = np.fft.fftfreq(NOISE_PX), np.fft.rfftfreq(NOISE_PX)
    frequency = np.hypot(rows[:, None], columns[None, :])
    frequency[0, 0] = np.inf
    tile = np.fft.irfft2(np.fft.rfft2(white) * frequency**-power, s=white.shape)
    return np.asarray((tile - tile.mean()) / tile.std(), np.float32)


@lru_cache(maxsize=1)
def ground_grain() -> NDArray[np.uint8]:
    """Return a seamless tile [512, 512, 2] of asphalt and slabs; 128 is unchanged brightness."""
    fine, coarse = noise(0.3), noise(1.1)
    asphalt = 128 + 8 * fine + 6 * coarse
    slabs = 128 + 7 * fine + 8 * coarse
    slabs[:: NOISE_PX // 32, :] -= 30
    slabs[:, :: NOISE_PX // 32] -= 30
    return np.clip(np.dstack([asphalt, slabs]), 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def film_grain(height: int, width: int) -> NDArray[np.uint8]:
    """Return camera noise [height, width, 3] around 128 with a deviation of 32."""
    rng = np.random.default_rng(21)
    grain = rng.standard_normal((height, width, 3), np.float32) * 32 + 128
    return np.clip(grain, 0, 255).astype(np.uint8)


def house(rng: np.random.Generator, storeys: int) -> tuple[Texture, Texture]:
    """Paint a house's front, `FACADE_M` wide and `storeys` high, and its windowless side wall."""
    wall = np.array(_WALLS[rng.integers(len(_WALLS))]) * rng.uniform(0.8, 1.15)
    height, width = int(storeys * STOREY_M * _PX_PER_M), int(FACADE_M * _PX_PER_M)
    image = np.empty((height, width, 3), np.float32)
    image[:] = wall
    image[:: rng.integers(3, 7)] *= 0.93
    side = _levels(_grainy(rng, image[:, : width // 2].copy(), 0.16))
    columns = int(rng.integers(2, 6))
    for storey in range(storeys):
        if storey == storeys - 1 and rng.random() < 0.5:
            _shop(rng, image)
        else:
            _window_row(rng, image, storey, columns, door=storey == storeys - 1)
    image[:6] *= 0.75
    return _levels(_grainy(rng, image, 0.09)), side


def _window_row(
    rng: np.random.Generator, image: NDArray[np.float32], storey: int, columns: int, door: bool
) -> None:
    pitch = image.shape[1] / columns
    half = int(pitch * rng.uniform(0.2, 0.34))
    frame = rng.choice([225.0, 60.0, 170.0])
    entrance = int(rng.integers(columns)) if door else -1
    for column in range(columns):
        middle = int((column + 0.5) * pitch)
        top = int(storey * STOREY_M * _PX_PER_M) + 14
        if column == entrance:
            color = _SHOPS[rng.integers(len(_SHOPS))]
            image[top : top + 46, middle - 11 : middle + 11] = color
            continue
        glass = rng.uniform(25, 80)
        image[top - 2 : top + 34, middle - half - 2 : middle + half + 2] = frame
        image[top : top + 31, middle - half : middle + half] = (glass * 1.15, glass * 1.05, glass)
        image[top : top + 12, middle - half : middle + half] += rng.uniform(0, 60)
        image[top + 14 : top + 16, middle - half : middle + half] = frame
        image[top : top + 31, middle - 1 : middle + 1] = frame


def _shop(rng: np.random.Generator, image: NDArray[np.float32]) -> None:
    top = image.shape[0] - int(STOREY_M * _PX_PER_M)
    image[top : top + 14] = _SHOPS[rng.integers(len(_SHOPS))]
    lettering = rng.integers(10, image.shape[1] - 70)
    image[top + 4 : top + 10, lettering : lettering + 60 : 3] = 215
    image[top + 14 : -6] = rng.uniform(30, 70)
    goods = rng.uniform(20, 150, (3, 24, 3))
    image[top + 24 : -10] = 0.5 * image[top + 24 : -10] + 0.5 * cv2.resize(
        goods.astype(np.float32), (image.shape[1], image.shape[0] - 10 - top - 24)
    )
    image[top + 14 :, :: rng.integers(36, 70)] = 190


def fence(rng: np.random.Generator) -> Texture:
    """Paint a fence 4 m long: boards, railings before a hedge, or wire mesh."""
    image = np.empty((2 * _PX_PER_M, 8 * _PX_PER_M, 3), np.float32)
    kind = rng.integers(3)
    if kind == 0:
        image[:] = ((58, 82, 112), (70, 96, 128), (96, 104, 112))[rng.integers(3)]
        boards = image.shape[1] // 8
        image *= np.repeat(rng.uniform(0.75, 1.15, boards), 8)[None, :, None]
        image[:, ::8] *= 0.5
        image[6:9] *= 0.75
    else:
        image[:] = (44, 66, 60) if kind == 1 else (92, 100, 98)
        image *= 1 + 0.25 * noise(0.5)[: image.shape[0], : image.shape[1], None]
        bar = 32.0 if kind == 1 else 150.0
        image[:, :: 5 if kind == 1 else 10] = bar
        image[:, ::40] = bar * 0.8
        image[2:5] = image[-7:-4] = bar
    return _levels(_grainy(rng, image, 0.1))


def hedge(rng: np.random.Generator) -> Texture:
    """Paint a ragged hedge or row of bushes, 8 m long, with holes along its top."""
    image = np.empty((3 * _PX_PER_M, 8 * _PX_PER_M, 3), np.float32)
    image[:] = _LEAVES[rng.integers(len(_LEAVES))]
    rows = np.linspace(-1.6, 2.0, image.shape[0])[:, None]
    alpha = rows + 0.8 * _crop(rng, 1.2, image) + 0.3 * _crop(rng, 0.4, image) > 0
    return _levels(_foliage(rng, image), alpha)


def tree(rng: np.random.Generator) -> Texture:
    """Paint a tree [160, 128]: a ragged crown over a trunk whose foot is the bottom middle."""
    image = np.empty((160, 128, 3), np.float32)
    image[:] = np.array(_LEAVES[rng.integers(len(_LEAVES))]) * rng.uniform(0.8, 1.2)
    image = _foliage(rng, image)
    alpha = np.zeros(image.shape[:2], np.float32)
    for _ in range(9):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.55)
        center = (int(64 + 58 * far * np.cos(angle)), int(56 + 52 * far * np.sin(angle)))
        cv2.circle(alpha, center, int(rng.uniform(18, 30)), 1.0, -1)
    ragged = cv2.GaussianBlur(alpha, (0, 0), 5) + 0.12 * _crop(rng, 0.7, image) > 0.5
    trunk = np.array([[59, 160], [69, 160], [66, 60], [62, 60]], np.int32)
    bark = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(bark, trunk, 1)
    below = (bark > 0) & ~ragged
    image[below] = np.array((52, 62, 70)) * (1 + 0.2 * _crop(rng, 0.4, image)[below])[:, None]
    return _levels(image, ragged | below)


def clouds(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Return a smooth cloud field [height, width] around 0 with a deviation near 1."""
    row, column = rng.integers(NOISE_PX, size=2)
    tile = np.roll(noise(1.7), (int(row), int(column)), (0, 1))[:160]
    return np.asarray(cv2.resize(tile, (width, height)), np.float32)


def _foliage(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    clumps = 0.30 * _crop(rng, 1.0, image) + 0.22 * _crop(rng, 0.2, image)
    toplight = np.linspace(1.25, 0.7, image.shape[0], dtype=np.float32)[:, None]
    return np.asarray(image * np.clip(toplight * (1 + clumps), 0.2, 2.2)[:, :, None], np.float32)


def _grainy(
    rng: np.random.Generator, image: NDArray[np.float32], amount: float
) -> NDArray[np.float32]:
    grain = 0.6 * _crop(rng, 0.2, image) + 0.8 * _crop(rng, 1.1, image)
    return np.asarray(image * (1 + amount * grain)[:, :, None], np.float32)


def _crop(
    rng: np.random.Generator, power: float, image: NDArray[np.float32]
) -> NDArray[np.float32]:
    rows, columns = image.shape[:2]
    top, left = rng.integers(NOISE_PX - rows), rng.integers(NOISE_PX - columns)
    return noise(power)[top : top + rows, left : left + columns]


def _levels(image: NDArray[np.float32], alpha: NDArray[np.bool_] | None = None) -> Texture:
    """Return the texture as BGRA with its halvings, sharpest first."""
    opaque = np.ones(image.shape[:2], np.bool_) if alpha is None else alpha
    texture = np.dstack([np.clip(image, 0, 255), opaque * 255.0]).astype(np.uint8)
    levels = [texture]
    for _ in range(3):
        rows, columns = levels[-1].shape[0] // 2, levels[-1].shape[1] // 2
        smaller = cv2.resize(levels[-1], (columns, rows), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller, np.uint8))
    return tuple(levels)
