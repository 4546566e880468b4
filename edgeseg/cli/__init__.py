"""The command line: parse, call one library function, print; errors become one line."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from edgeseg.errors import EdgesegError

# Command: the module with a click command of the same name, and its line in `edgeseg --help`, which
# stands here so that the help imports no command, and with it neither NumPy nor OpenCV.
_COMMANDS: Final = {
    "convert": ("edgeseg.cli.convert", "Make a proven .tflite file of a Keras model."),
    "run": ("edgeseg.cli.run", "Show or save the masks of a camera, video, image or folder."),
    "cameras": ("edgeseg.cli.cameras", "List the cameras here: formats, sizes, rates."),
    "eval": ("edgeseg.cli.eval", "Say how accurate models are on images and masks."),
    "bench": ("edgeseg.cli.bench", "Compare models: which is faster, by how much, how surely."),
    "recommend": ("edgeseg.cli.recommend", "Say which model to take on this device."),
    "check": (
        "edgeseg.cli.check",
        "Say where a file's operators run on a target, and what falls back.",
    ),
    "train": ("edgeseg.cli.train", "Train an FCN on images and index masks."),
    "info": ("edgeseg.cli.info", "Say what is installed and used here, or what a model is."),
}

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
_BROKEN_PIPE: Final = 1  # what click and rich exit with as well
_BUG: Final = 70  # EX_SOFTWARE of sysexits.h


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from edgeseg.environment import edgeseg_version

        click.echo(f"edgeseg {edgeseg_version()}")
        ctx.exit()


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: edgeseg run --source synthetic://street",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def group() -> None:
    """Turn a Keras FCN into a small proven file, and run it on live pictures."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the process's exit code.

    0 is success, 2 bad usage or input, 3 a conversion below its gate, 130 an interruption, 70 a bug
    in edgeseg. What went wrong is one line on stderr; EDGESEG_DEBUG=1 adds the traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given or ["--help"])
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        return _leave_broken_pipe()
    except Exception as error:  # noqa: BLE001  # the last stop: a line for the user, not a traceback
        _show_traceback_if_asked()
        return _translated(error)


def _run(arguments: list[str]) -> int:
    result = group.main(arguments, prog_name="edgeseg", standalone_mode=False)
    if sys.stdout is not None:  # it is None for a process that was started without one
        sys.stdout.flush()  # a full disk or a closed pipe shows here, where it is still reported
    return result if isinstance(result, int) else 0


def _translated(error: Exception) -> int:
    if isinstance(error, EdgesegError):
        return _fail(str(error), error.exit_code)
    if isinstance(error, click.UsageError):
        return _fail(f"{error.format_message()}{_help_hint(error)}", error.exit_code)
    if isinstance(error, click.ClickException):
        return _fail(error.format_message(), error.exit_code)
    if _is_out_of_memory(error):
        return _fail("not enough memory; try a smaller input or close other programs", 2)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" for {error.filename}" if error.filename else ""
        return _fail(f"no space left on the device{where}; make room and try again", 2)
    what = f"{type(error).__name__}: {error} ({_place(error)})"
    return _fail(f"{what}; this is a bug in edgeseg, please report it", _BUG)


def _help_hint(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "edgeseg"
    return f" (see: {command} --help)"


def _is_out_of_memory(error: Exception) -> bool:
    """OpenCV has its own error for it, StsNoMem (-4)."""
    is_opencv = type(error).__module__.startswith("cv2") and type(error).__name__ == "error"
    return isinstance(error, MemoryError) or (is_opencv and getattr(error, "code", 0) == -4)


def _place(error: Exception) -> str:
    """Return file:line of edgeseg's innermost frame, since that is where the bug can be found."""
    home = str(Path(__file__).parent.parent)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(home)]
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _show_traceback_if_asked() -> None:
    if os.environ.get("EDGESEG_DEBUG") == "1":
        click.echo(traceback.format_exc(), err=True)


def _fail(message: str, code: int) -> int:
    return _say(f"error: {' '.join(message.split())}", code)


def _say(message: str, code: int) -> int:
    click.echo(f"edgeseg: {message}", err=True)
    return code


def _leave_broken_pipe() -> int:
    """Whoever read the output has gone; let the last flush at exit go nowhere, in silence."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE
