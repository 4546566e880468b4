"""The process behind the window: pictures come through stdin, the user's wish is the exit code."""

from __future__ import annotations

import os
import select
import struct
import sys
from importlib import import_module
from io import FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.manifest import Size
from edgeseg.overlay import fit

READY = "ready"
USER_CLOSED = 10
_HEADER = struct.Struct("<II")
_POLL_S = 0.05
_LARGEST = Size(1280, 720)  # fits most desktops; the window can be resized
# Where nothing else works, SDL takes a driver that shows nothing to anybody.
_BLIND = ("offscreen", "dummy", "evdi")


def header(picture: NDArray[np.uint8]) -> bytes:
    """Return what goes before the bytes of a picture, BGR uint8 [h, w, 3]."""
    return _HEADER.pack(picture.shape[1], picture.shape[0])


def main() -> int:
    """Show pictures until stdin ends (exit code 0) or the user closes the window (USER_CLOSED)."""
    pygame = _load_pygame()
    try:
        pygame.display.init()
    except pygame.error as error:
        return _answer(f"the display cannot be used ({error})", 1)
    if pygame.display.get_driver() in _BLIND and "SDL_VIDEODRIVER" not in os.environ:
        return _answer("the display cannot be used", 1)
    _answer(READY, 0)
    # Unbuffered: select() must see what is there, and not what a buffer has taken already.
    return _show(pygame, FileIO(sys.stdin.fileno(), closefd=False))


def _show(pygame: Any, pictures: FileIO) -> int:
    screen = None
    while True:
        if select.select([pictures], [], [], _POLL_S)[0]:
            picture = _read(pictures)
            if picture is None:
                return 0
            screen = screen or _open(pygame, Size(*picture.shape[1::-1]))
            fitted = fit(picture, Size(*screen.get_size()))
            surface = pygame.image.frombuffer(fitted.tobytes(), fitted.shape[1::-1], "BGR")
            screen.blit(surface, (0, 0))
            pygame.display.flip()
        if any(_means_close(pygame, event) for event in pygame.event.get()):
            return USER_CLOSED


def _open(pygame: Any, picture: Size) -> Any:
    pygame.display.set_caption("edgeseg")
    scale = min(1.0, _LARGEST.width / picture.width, _LARGEST.height / picture.height)
    size = round(picture.width * scale), round(picture.height * scale)
    return pygame.display.set_mode(size, pygame.RESIZABLE)


def _read(pictures: FileIO) -> NDArray[np.uint8] | None:
    start = _read_all(pictures, _HEADER.size)
    if start is None:
        return None
    width, height = _HEADER.unpack(start)
    data = _read_all(pictures, width * height * 3)
    return None if data is None else np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _read_all(pictures: FileIO, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        part = pictures.read(count - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def _means_close(pygame: Any, event: Any) -> bool:
    if event.type == pygame.KEYDOWN:
        return event.key in (pygame.K_q, pygame.K_ESCAPE)
    return bool(event.type == pygame.QUIT)


def _load_pygame() -> Any:
    os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"  # stdout is for the answer
    return import_module("pygame")


def _answer(text: str, code: int) -> int:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
