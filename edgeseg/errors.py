"""What edgeseg raises; messages say what was wrong, what was expected and what to type next."""

from __future__ import annotations


class EdgesegError(Exception):
    """Base of all errors a user can cause or meet; the command line prints it as one line.

    Attributes:
        exit_code: the process exit code the command line uses for this error.
    """

    exit_code = 2


class ConfigError(EdgesegError):
    """An option, an environment variable or a combination of them makes no sense."""


class SourceError(EdgesegError):
    """A camera, video, image or folder cannot be opened or read."""


class DataError(EdgesegError):
    """Training, calibration or evaluation data does not have the expected form."""


class ModelError(EdgesegError):
    """A model file is missing, damaged, or not something edgeseg can run or convert."""


class OutputError(EdgesegError):
    """A result cannot be written (no permission, no folder, no space)."""


class MissingExtraError(EdgesegError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, need: str, extra: str) -> None:
        """Name what is missing (`need`) and the extra that brings it."""
        super().__init__(f"{need} is not installed; type: pip install 'edgeseg[{extra}]'")


class GateError(EdgesegError):
    """A converted model differs too much from its source; no file was written."""

    exit_code = 3
