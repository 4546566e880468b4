"""TensorFlow without its chatter."""

from __future__ import annotations

import faulthandler
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from edgeseg.errors import EdgesegError, MissingExtraError

_STDERR = 2


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Hold back what TensorFlow and its native converter print while the block runs.

    Both write progress and harmless warnings straight to file descriptor 2, past every logging
    setting. Nothing real is lost: errors arrive as exceptions, an unexpected exception brings the
    text held back with it, and a native crash still shows its stack.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    real = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            with _crash_stack(real), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        except (EdgesegError, KeyboardInterrupt):
            raise
        except BaseException:
            _replay(held, real)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(real, _STDERR)
            os.close(real)


def import_keras() -> Any:
    """Return the keras module.

    Raises:
        MissingExtraError: Keras or TensorFlow is not installed.
    """
    try:
        with quiet_tensorflow():
            import keras
            import tensorflow  # noqa: F401  # slow and talkative: take both here
    except ImportError as error:
        raise MissingExtraError("TensorFlow with Keras 3", "convert") from error
    return keras


@contextmanager
def _crash_stack(real: int) -> Iterator[None]:
    if faulthandler.is_enabled():
        yield
        return
    faulthandler.enable(file=real)
    try:
        yield
    finally:
        faulthandler.disable()


def _replay(held: Any, real: int) -> None:
    sys.stderr.flush()
    held.seek(0)
    os.write(real, held.read())
