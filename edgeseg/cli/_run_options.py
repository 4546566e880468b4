"""The options of `edgeseg run`, under headings, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from edgeseg.cli._common import OUTPUT, SIZE
from edgeseg.errors import ConfigError
from edgeseg.manifest import Size
from edgeseg.units import parse_duration_s, parse_size

if TYPE_CHECKING:
    from edgeseg.loop import Pace
    from edgeseg.sinks.coders import CoderName
    from edgeseg.sources import SourceOptions

    _NumberParam = click.ParamType[float]
else:
    _NumberParam = click.ParamType  # not generic before click 8.2

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Above0(_NumberParam):
    """A number above zero; unlike click's ranges it does not spell that out in the help."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(f"{value!r}; expected a number above 0", param, ctx)
        return number


_ABOVE_0: Final = _Above0()


def _bytes(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    return None if value is None else parse_size(value)


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    return None if value is None else parse_duration_s(value)


def _exposure(_: click.Context, __: click.Parameter, value: str | None) -> float | str | None:
    if value is None or value == "auto":
        return value
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither auto nor milliseconds") from None


# Each line is a heading with the options under it, in the order of the help.
_OPTIONS: Final = {
    "Where pictures come from": (
        click.option("--camera", metavar="N", help="Camera number or device.  [default: 0]"),
        click.option(
            "--source",
            metavar="URI",
            help="Video, image, folder, 'pattern/*.png', rtsp://..., http://..., "
            "gstreamer:PIPELINE, picamera:0, replay:FILE?fps=30, or synthetic://street.",
        ),
        click.option("--camera-size", type=SIZE, help="Ask the camera for pictures of this size."),
        click.option("--camera-fps", type=_ABOVE_0, metavar="F", help="... for F a second."),
        click.option(
            "--camera-format",
            metavar="CODE",
            help="... for MJPG, YUYV, NV12 or GREY; edgeseg cameras lists them.",
        ),
        click.option(
            "--exposure", callback=_exposure, metavar="MS", help="... for this exposure, or auto."
        ),
        click.option(
            "--open-timeout", type=_ABOVE_0, metavar="S", help="Give opening a stream S seconds."
        ),
        click.option(
            "--read-timeout",
            type=_ABOVE_0,
            metavar="S",
            help="A source that gives nothing for S seconds has stalled.",
        ),
        click.option(
            "--wait", is_flag=True, help="Wait for a camera or stream that is not there yet."
        ),
    ),
    "Which frames": (
        click.option("--frames", type=click.IntRange(min=1), metavar="N", help="End after N."),
        click.option("--duration", type=_ABOVE_0, metavar="S", help="End after S seconds."),
        click.option(
            "--every",
            type=click.IntRange(min=1),
            default=1,
            metavar="N",
            help="Mask each N-th captured frame only.",
        ),
        click.option("--max-fps", type=_ABOVE_0, metavar="F", help="Mask at most F a second."),
        click.option(
            "--max-age", type=_ABOVE_0, metavar="MS", help="Leave out live frames older than this."
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on with an interrupted run of a file or folder; needs --masks.",
        ),
    ),
    "Where masks go": (
        click.option("--save", type=OUTPUT, metavar="FILE", help="Video with the masks laid over."),
        click.option(
            "--segment",
            callback=_seconds,
            metavar="TIME",
            help="A new video file every so long, say 10m.",
        ),
        click.option(
            "--encoder",
            type=click.Choice(["auto", "h264", "h264_v4l2m2m", "opencv"]),
            default="auto",
            metavar="NAME",
            help="Of the video: h264, h264_v4l2m2m (both by ffmpeg) or opencv.  [default: auto]",
        ),
        click.option("--masks", type=OUTPUT, metavar="DIR", help="Class-index PNG of every frame."),
        click.option("--stats", type=OUTPUT, metavar="FILE", help="A JSON line for every frame."),
        click.option("--snapshot", type=OUTPUT, metavar="FILE", help="Picture of the last result."),
        click.option(
            "--window/--no-window",
            default=None,
            help="A window.  [default: where there is a display]",
        ),
        click.option(
            "--serve",
            metavar="[HOST:]PORT",
            help="A web page to watch the run; without HOST for this device only.",
        ),
        click.option(
            "--serve-token",
            metavar="WORD",
            help="Asked of viewers beyond this device; made up, if not given.",
        ),
        click.option(
            "--max-viewers",
            type=click.IntRange(1, 1000),
            default=32,
            metavar="N",
            help="Of the page at a time.  [default: 32]",
        ),
        click.option(
            "--pipe",
            type=click.Choice(["overlay", "mask", "frame", "y4m"]),
            metavar="WHAT",
            help="Pictures to standard output: overlay, mask or frame as bare pixels, or the "
            "overlay as y4m. The summary then goes to standard error.",
        ),
        click.option(
            "--loopback", metavar="DEVICE", help="A v4l2loopback device, as camera for others."
        ),
        click.option(
            "--keep-free",
            callback=_bytes,
            metavar="SIZE",
            help="End the files when less of the disk is free.  [default: 64M]",
        ),
        click.option(
            "--max-size",
            callback=_bytes,
            metavar="SIZE",
            help="End the files when they take as much together, say 2G.",
        ),
    ),
    "How they look": (
        click.option("--legend/--no-legend", default=True, help="Class names in the overlay."),
        click.option(
            "--alpha",
            type=click.FloatRange(0, 1),
            default=0.5,
            show_default=True,
            help="Strength of the colours.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    ),
}


@dataclass(frozen=True)
class Wishes:
    """What was asked of a run; names as on the command line."""

    camera: str | None
    source: str | None
    camera_size: Size | None
    camera_fps: float | None
    camera_format: str | None
    exposure: float | Literal["auto"] | None
    open_timeout: float | None
    read_timeout: float | None
    wait: bool
    frames: int | None
    duration: float | None
    every: int
    max_fps: float | None
    max_age: float | None
    resume: bool
    save: Path | None
    segment: float | None
    encoder: CoderName
    masks: Path | None
    stats: Path | None
    snapshot: Path | None
    window: bool | None
    serve: str | None
    serve_token: str | None
    max_viewers: int
    pipe: str | None
    loopback: str | None
    keep_free: int | None
    max_size: int | None
    legend: bool
    alpha: float
    as_json: bool

    @property
    def uri(self) -> str:
        """Where the pictures come from: camera 0 where nothing is said."""
        return self.source if self.source is not None else (self.camera or "0")

    @property
    def source_options(self) -> SourceOptions:
        """What a camera or stream is asked for."""
        from edgeseg.sources import SourceOptions

        return SourceOptions(
            size=self.camera_size,
            fps=self.camera_fps,
            format=self.camera_format,
            exposure=self.exposure,
            open_timeout_s=self.open_timeout,
            read_timeout_s=self.read_timeout,
            wait=self.wait,
        )

    @property
    def pace(self) -> Pace:
        """Which frames are left out."""
        from edgeseg.loop import Pace

        return Pace(every=self.every, max_age_ms=self.max_age, max_fps=self.max_fps)

    @property
    def outputs(self) -> list[Path]:
        """The files and folders that were asked for."""
        named = (self.save, self.masks, self.stats, self.snapshot)
        return [path for path in named if path is not None]


def run_options(command: _Command) -> _Command:
    """Add the options of `Wishes`."""
    for options in reversed(_OPTIONS.values()):
        for option in reversed(options):
            command = option(command)
    return command


def sections() -> dict[str, list[str]]:
    """Return the names of the options under each heading, for a SectionedCommand."""
    return {heading: [_name_of(option) for option in group] for heading, group in _OPTIONS.items()}


def take_wishes(options: dict[str, Any]) -> Wishes:
    """Return what was asked for; takes it out of `options`.

    Raises:
        ConfigError: some of it contradicts other, or would overwrite the source.
    """
    wishes = Wishes(**{field.name: options.pop(field.name) for field in fields(Wishes)})
    if wishes.camera is not None and wishes.source is not None:
        raise ConfigError("--camera and --source exclude each other; give one of them")
    if wishes.pipe is not None and wishes.as_json:
        raise ConfigError("--pipe and --json both want standard output; use --stats FILE")
    _check_company(wishes)
    _check_outputs(wishes)
    return wishes


def _check_company(wishes: Wishes) -> None:
    """Some options say more about another one, and nothing without it."""
    alone = [
        f"{option} {why}; give it with {other}"
        for given, there, option, why, other in (
            (
                wishes.resume,
                wishes.masks,
                "--resume",
                "goes on where a folder of masks ends",
                "--masks DIR",
            ),
            (wishes.segment, wishes.save, "--segment", "cuts a video into files", "--save FILE"),
            (wishes.serve_token, wishes.serve, "--serve-token", "guards the page", "--serve PORT"),
        )
        if given and there is None
    ]
    if alone:
        raise ConfigError("; ".join(alone))


def _check_outputs(wishes: Wishes) -> None:
    """Nothing may be written over the source, over its images, or over another output."""
    places = [path.resolve() for path in wishes.outputs]
    if len(set(places)) < len(places):
        raise ConfigError("two outputs have the same name; give each its own")
    source = Path(wishes.uri).resolve()
    if source in places:
        raise ConfigError(f"the output {wishes.uri} is the source itself; give it another name")
    if wishes.snapshot is not None and wishes.snapshot.resolve().parent == source:
        raise ConfigError(
            f"the snapshot {wishes.snapshot} would lie among the source's images; "
            "name a file in another folder"
        )


def _name_of(option: Callable[[Any], Any]) -> str:
    """Return the parameter's name of a click option."""

    def bare() -> None:
        return

    option(bare)
    parameter: click.Parameter = bare.__click_params__[0]  # type: ignore[attr-defined]
    return str(parameter.name)
