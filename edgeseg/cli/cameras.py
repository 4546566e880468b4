"""`edgeseg cameras`: which cameras are here, and what they offer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edgeseg.cli._common import console

if TYPE_CHECKING:
    from rich.table import Table

    from edgeseg.sources.v4l2 import CameraInfo, CameraMode

_NONE_HERE = 1

# More do not fit into 80 columns. The usual ones come first, where a camera has them.
_COLUMNS = 4
_USUAL = ("MJPG", "YUYV", "NV12", "GREY")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def cameras(as_json: bool) -> int:
    """List the cameras here: their names, formats, sizes and rates.

    One of them is chosen with `edgeseg run --camera 0`, its mode with --camera-size, --camera-fps
    and --camera-format. The path under /dev/v4l/by-id stays when a number changes. The exit code
    is 1 when there is none.
    """
    from edgeseg.sources.v4l2 import list_cameras

    found = list_cameras()
    if as_json:
        click.echo(json.dumps([_as_dict(camera) for camera in found], indent=2))
    elif found:
        _show(found)
    else:
        click.echo(_nothing_here(), err=True)
    return 0 if found else _NONE_HERE


def _as_dict(camera: CameraInfo) -> dict[str, Any]:
    return {
        "path": camera.path,
        "name": camera.name,
        "by_id": camera.by_id or None,
        "bus": camera.bus,
        "driver": camera.driver,
        "modes": [
            {"format": mode.format, "size": list(mode.size), "fps": list(mode.fps)}
            for mode in camera.modes
        ],
    }


def _show(found: Sequence[CameraInfo]) -> None:
    out = console()
    for place, camera in enumerate(found):
        if place:
            out.print()
        out.print(f"{camera.path}  {camera.name or 'unnamed'}", style="bold", highlight=False)
        where = [camera.by_id, f"{camera.driver} at {camera.bus}"]
        for line in filter(None, where):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        if camera.modes:
            shown, others = _formats(camera.modes)
            out.print(_modes_table(camera.modes, shown))
            if others:
                out.print(f"  and {others} formats more: edgeseg cameras --json")
        else:
            out.print("it does not list its modes")


def _formats(modes: Sequence[CameraMode]) -> tuple[list[str], int]:
    """Return the formats to show, in the camera's order, and how many others there are."""
    formats = list(dict.fromkeys(mode.format for mode in modes))
    best = sorted(formats, key=lambda name: name not in _USUAL)[:_COLUMNS]
    return [name for name in formats if name in best], len(formats) - len(best)


def _modes_table(modes: Sequence[CameraMode], formats: Sequence[str]) -> Table:
    """Return a row for each size, a column for each of these formats, with the rates."""
    from rich.table import Table

    sizes = list(dict.fromkeys(mode.size for mode in modes if mode.format in formats))
    rates = {(mode.format, mode.size): _rates(mode) for mode in modes}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("  size", no_wrap=True)
    for name in formats:
        table.add_column(f"{name} fps")
    for size in sorted(sizes, key=lambda size: size.width * size.height):
        table.add_row(f"  {size}", *(rates.get((name, size), "-") for name in formats))
    return table


def _rates(mode: CameraMode) -> str:
    return ", ".join(f"{fps:g}" for fps in mode.fps) or "any"


def _nothing_here() -> str:
    """Say what to do where there is no camera."""
    from edgeseg.sources.v4l2 import forbidden_nodes

    forbidden = forbidden_nodes()
    if forbidden:
        return (
            f"no camera may be opened: no permission for {', '.join(forbidden)}\n"
            "type: sudo usermod -aG video $USER, and log in again"
        )
    return (
        "there is no camera here (no /dev/video* gives pictures)\n"
        "USB cameras: plug one in; in a container start it with --device /dev/video0\n"
        "Raspberry Pi camera modules: edgeseg run --source picamera://0\n"
        "network cameras: edgeseg run --source rtsp://...\n"
        "without any: edgeseg run --source synthetic://street"
    )
