"""Class names and colours of the street models (the 11 classes of CamVid's SegNet split)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelSet:
    """Class names with one RGB colour each; training and metrics skip the value `ignore`."""

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ignore: int | None = None


STREET = LabelSet(
    names=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    palette=(
        (70, 130, 180),
        (110, 96, 90),
        (214, 206, 160),
        (128, 64, 128),
        (244, 35, 232),
        (107, 142, 35),
        (250, 170, 30),
        (190, 153, 153),
        (0, 60, 220),
        (220, 20, 60),
        (0, 200, 190),
    ),
    ignore=11,
)


def palette_for(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return `count` distinguishable RGB colours, the PASCAL VOC bit-interleaved colour map.

    Source: VOCdevkit `VOClabelcolormap`: bit k of the class index, three at a time, goes to bit
    7-k of red, green and blue.
    """
    return tuple(_voc_color(index) for index in range(count))


def _voc_color(index: int) -> tuple[int, int, int]:
    channels = [0, 0, 0]
    for shift in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> (3 * shift + channel)) & 1) << (7 - shift)
    return channels[0], channels[1], channels[2]
