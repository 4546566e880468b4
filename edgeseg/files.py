"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeseg.errors import OutputError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it into place when the block succeeds.

    The temporary name keeps the suffix, so that encoders that look at it still work. When the block
    raises, the temporary file is removed and `target` keeps what it had.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full.
    """
    scratch = _scratch_beside(target)
    try:
        yield scratch
        _sync(scratch)
        scratch.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)


def atomic_write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target`, complete or not at all.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full.
    """
    with atomic_path(target) as scratch:
        scratch.write_bytes(data)


def check_writable(target: Path) -> None:
    """Fail early, before minutes of work, when `target` could not be written at the end.

    Raises:
        OutputError: the folder is missing or not writable, or `target` is a folder.
    """
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; name a file in it")
    _scratch_beside(target).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk, where its file system can be asked to."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return  # some network and FUSE file systems refuse
    finally:
        os.close(handle)


def remove_scratch(folder: Path, suffix: str) -> None:
    """Remove the temporary files of processes that were killed; none may be running there.

    Args:
        folder: where they are.
        suffix: of the files that they would have become.
    """
    # As _scratch_beside names them, with tempfile's letters.
    scratch = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(suffix)}")
    for path in folder.iterdir():
        if scratch.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _scratch_beside(target: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
        )
        # mkstemp makes private files; results should follow the user's umask like any other file.
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        os.close(handle)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; name a file in a folder that "
            "exists and can be written"
        ) from error
    return Path(name)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
