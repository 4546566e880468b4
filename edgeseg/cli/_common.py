"""What several commands share: option types, options, the console."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeseg.manifest import MAX_SIDE, Size

if TYPE_CHECKING:
    from rich.console import Console

    from edgeseg.modelfile import ManifestOverrides

    _SizeParam = click.ParamType[Size]
else:
    _SizeParam = click.ParamType  # not generic before click 8.2

_Command = TypeVar("_Command", bound=Callable[..., Any])


class SizeType(_SizeParam):
    """A picture size, width first: 480x352."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        """Return the size, or fail with the form that was expected."""
        if isinstance(value, Size):
            return value
        match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", str(value).strip().lower())
        size = Size(int(match[1]), int(match[2])) if match else None
        if size is None or not all(1 <= side <= MAX_SIDE for side in size):
            self.fail(f"{value!r} is no size; expected for example 480x352", param, ctx)
        return size


SIZE = SizeType()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
OUTPUT = click.Path(path_type=Path)


def runtime_options(command: _Command) -> _Command:
    """Add --threads and --runtime (arguments `threads`, `runtime`)."""
    for option in reversed(_RUNTIME_OPTIONS):
        command = option(command)
    return command


def manifest_options(command: _Command) -> _Command:
    """Add the options that overrule a model's manifest or what is guessed without one.

    The command takes them as `**options`, and gives them to `overrides_from`.
    """
    for option in reversed(_MANIFEST_OPTIONS):
        command = option(command)
    return command


def overrides_from(options: dict[str, Any]) -> ManifestOverrides:
    """Return what `manifest_options` were given; takes them out of `options`.

    Raises:
        ModelError: the file of --labels cannot be read as one name a line.
    """
    from edgeseg.modelfile import ManifestOverrides, read_labels

    labels = options.pop("labels")
    return ManifestOverrides(
        labels=None if labels is None else read_labels(labels),
        **{name: options.pop(name) for name in ("normalize", "color", "resize", "input_size")},
    )


@lru_cache(maxsize=2)
def console(*, stderr: bool = False) -> Console:
    """Return the console for results; rich is imported here, not with the command."""
    from rich.console import Console

    return Console(highlight=False, stderr=stderr)


_RUNTIME_OPTIONS = (
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads of the network.  [default: the cores, at most 4]",
    ),
    click.option(
        "--runtime",
        type=click.Choice(["litert", "tflite-runtime", "tf"]),
        help="What runs the network.  [default: the first that is installed]",
    ),
)

_MANIFEST_OPTIONS = (
    click.option(
        "--normalize",
        type=click.Choice(["0..1", "-1..1", "none", "caffe", "imagenet"]),
        help="Pixel values that the model takes, where its file does not say so.",
    ),
    click.option("--labels", type=FILE, help="Class names, one a line."),
    click.option("--color", type=click.Choice(["rgb", "bgr"]), help="The input's channel order."),
    click.option(
        "--resize", type=click.Choice(["stretch", "letterbox"]), help="How a frame fits the input."
    ),
    click.option("--input-size", type=SIZE, help="For models that leave it open."),
)
