"""Runs of files and folders that go on where an earlier one was interrupted.

A journal in the folder of masks says what made them: the model, the source, the options. The masks
themselves say how far it came, for a mask under its name is whole. A log of the run must hold the
frame's line, too: frames without both are made again, and lines without a mask are taken out, so
that in the end each frame is in each output exactly once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgeseg.errors import ConfigError, OutputError
from edgeseg.files import atomic_write_bytes, remove_scratch
from edgeseg.sources import Source
from edgeseg.sources.images import Images
from edgeseg.sources.video import VideoFile

JOURNAL: Final = ".edgeseg-run.json"
_VERSION = 1
_NAMED = 3
_INSTEAD = (
    "give what that run was given, or leave out --resume to start over, or name another folder "
    "with --masks"
)

# Of a file: what tells it from a later one of the same name.
_Stamp = list[int]


@dataclass(frozen=True)
class Resume:
    """What is done already, and what is to be written down before the first new frame.

    Attributes:
        done: names of frames that no output needs again; the source leaves them out.
        going_on: an earlier run is continued, so its log is appended to.
        notes: what the user should hear.
    """

    done: frozenset[str] = frozenset()
    going_on: bool = False
    notes: tuple[str, ...] = ()
    _begin: Sequence[Callable[[], None]] = field(default=(), repr=False)

    def begin(self) -> None:
        """Write the journal, and tidy the log; once all outputs are open.

        Raises:
            OutputError: one of them cannot be written.
        """
        for step in self._begin:
            step()

    def video_path(self, path: Path) -> Path:
        """Return where the video of this run goes: no encoder can go on with a finished one.

        The interrupted run's `street.mp4` stays, and this one's is `street-2.mp4`.
        """
        number, free = 1, path
        while self.going_on and free.exists():
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return free


def plan_resume(
    source: Source,
    masks: Path,
    *,
    model: Path,
    options: Mapping[str, object],
    stats: Path | None = None,
    resume: bool = False,
) -> Resume:
    """Find out what of a source is done, and tell the source; nothing is written before `begin`.

    Call it for every run that writes masks: the journal of a run that is not resumed is what makes
    it possible to resume it later. Sources that cannot be resumed get none.

    Args:
        source: opened, not yet read.
        masks: folder of the masks.
        model: the .tflite file.
        options: all else that the masks depend on, as JSON can hold it; None is as good as absent.
        stats: the log, where there is one.
        resume: go on with what is there.

    Raises:
        ConfigError: `resume` and the source cannot be resumed, or what is there was made from
            another source, by another model, or otherwise; all reasons at once.
        OutputError: what is there cannot be read.
    """
    identity = _source_identity(source)
    if identity is None or not isinstance(source, Images | VideoFile):
        if resume:
            raise ConfigError(
                f"{source.name} cannot be resumed, only files and folders can; leave out --resume"
            )
        return Resume()
    log = stats if stats is not None and (stats.is_file() or not stats.exists()) else None
    now = {
        "version": _VERSION,
        "model": {"name": model.name, "sha256": _hash(model)},
        "source": identity,
        "stats": None if log is None else str(log.resolve()),
        "options": {key: value for key, value in options.items() if value is not None},
    }
    before = _read(masks) if resume else None
    if before is None:
        return _fresh(now, masks)
    _check_same(before, json.loads(json.dumps(now)), masks)
    plan = _continued(now, before["older"], masks, log, source.length)
    source.done = plan.done
    return plan


def _fresh(now: Mapping[str, Any], masks: Path) -> Resume:
    journal = {**now, "older": _stamps(masks)}
    return Resume(_begin=[lambda: _write(masks, journal)])


def _continued(
    now: Mapping[str, Any],
    older: Mapping[str, _Stamp],
    masks: Path,
    log: Path | None,
    length: int | None,
) -> Resume:
    """Take as done what is whole and newer than the interrupted run's beginning."""
    done = {name for name, stamp in _stamps(masks).items() if stamp != older.get(name)}
    # Written anew: a folder that has grown has more images now.
    steps = [lambda: _write(masks, {**now, "older": older}), lambda: remove_scratch(masks, ".png")]
    if log is not None:
        lines = _lines(log, done)
        done &= lines.keys()
        steps.append(lambda: atomic_write_bytes(log, b"".join(lines.values())))
    of = "" if length is None else f" of {length}"
    return Resume(
        done=frozenset(done),
        going_on=True,
        notes=(f"going on in {masks}: {len(done)}{of} frames are done",),
        _begin=steps,
    )


def _source_identity(source: Source) -> dict[str, Any] | None:
    """Return what tells this source from another, None for one that cannot be resumed."""
    if isinstance(source, VideoFile):
        return {"path": str(source.path.resolve()), "files": {"": _stamp(source.path)}}
    if isinstance(source, Images):
        files = {name: [path.name, *_stamp(path)] for name, path in source.files.items()}
        return {"path": str(Path(source.name).resolve()), "files": files}
    return None


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return []  # it has just gone; whoever reads it says so
    return [found.st_size, found.st_mtime_ns]


def _stamps(masks: Path) -> dict[str, _Stamp]:
    """Each mask that is there: its inode changes, too, when it is written anew."""
    try:
        return {
            path.stem: [*_stamp(path), path.stat().st_ino]
            for path in masks.glob("*.png")
            if not path.name.startswith(".")
        }
    except OSError as error:
        raise OutputError(f"cannot read {masks}: {error.strerror or error}") from error


def _hash(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()


def _read(masks: Path) -> dict[str, Any] | None:
    """Return the journal; None where nothing was done yet."""
    try:
        journal = json.loads((masks / JOURNAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if masks.is_dir() and _stamps(masks):
            raise ConfigError(
                f"cannot resume {masks}: nothing there says which run made its masks; leave out "
                "--resume to start over, or name another folder with --masks"
            ) from None
        return None
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read {masks / JOURNAL}: {error}; {_INSTEAD}") from error
    if not isinstance(journal, dict) or journal.get("version") != _VERSION:
        raise ConfigError(
            f"cannot resume {masks}: another version of edgeseg made its masks; {_INSTEAD}"
        )
    return journal


def _write(masks: Path, journal: Mapping[str, Any]) -> None:
    try:
        masks.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {masks}: {error.strerror or error}") from error
    atomic_write_bytes(masks / JOURNAL, json.dumps(journal).encode())


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], masks: Path) -> None:
    reasons = [
        *_model_reasons(before["model"], now["model"]),
        *_source_reasons(before["source"], now["source"]),
        *_log_reasons(before["stats"], now["stats"]),
        *_option_reasons(before["options"], now["options"]),
    ]
    if reasons:
        raise ConfigError(f"cannot resume {masks}: {'; '.join(reasons)}; {_INSTEAD}")


def _model_reasons(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if before["sha256"] == now["sha256"]:
        return []
    if before["name"] == now["name"]:
        return [f"the model {now['name']} has changed since"]
    return [f"the model was {before['name']}, and is {now['name']} now"]


def _source_reasons(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """New images are welcome, but none that was there may have changed its content or name."""
    if before["path"] != now["path"]:
        return [f"the source was {before['path']}, and is {now['path']} now"]
    then = before["files"]
    changed = [name for name, stamp in then.items() if now["files"].get(name, stamp) != stamp]
    if not changed:
        return []
    if changed == [""]:
        return [f"{now['path']} has changed since"]
    names = ", ".join(str(then[name][0]) for name in changed[:_NAMED])
    more = ", ..." if len(changed) > _NAMED else ""
    return [f"{len(changed)} images have changed since ({names}{more})"]


def _log_reasons(before: str | None, now: str | None) -> list[str]:
    if before == now:
        return []
    return [f"it wrote {_log_name(before)}, and now it is {_log_name(now)}"]


def _log_name(path: str | None) -> str:
    return "no log" if path is None else f"the log {path}"


def _option_reasons(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{key} was {_said(before, key)}, and is {_said(now, key)} now"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _said(options: Mapping[str, Any], key: str) -> str:
    return str(options[key]) if key in options else "not given"


def _lines(log: Path, done: set[str]) -> dict[str, bytes]:
    """Return the log's whole lines about frames whose masks are there, by the frame's name."""
    try:
        text = log.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutputError(f"cannot read {log}: {error.strerror or error}") from error
    found: dict[str, bytes] = {}
    for line in text.splitlines(keepends=True):
        name = _name_in(line)
        if name in done and line.endswith(b"\n"):
            found.setdefault(name, line)
    return found


def _name_in(line: bytes) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return ""
    return str(record.get("name", "")) if isinstance(record, dict) else ""
