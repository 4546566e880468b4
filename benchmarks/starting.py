"""What a start costs: opening a model, its first run, and the memory both take.

Each call is a process of its own, so that nothing is left from the call before; the file itself
comes from the system's cache. Not counted are the process's own start and its imports, which are
the same for every model.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from edgeseg.errors import ModelError

PATIENCE_S = 120.0
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Start:
    """Opening a model and running it once, in a process of its own each time.

    Attributes:
        peaks: bytes that each call took at its highest beyond what the process had before; it
            belongs to the caller and grows.
    """

    def __init__(self, model: Path, threads: int, runtime: str | None, peaks: list[int]) -> None:
        """Time the file `model`; nothing is opened here."""
        self.peaks = peaks
        words = [str(model), str(threads), runtime or ""]
        self._command = [sys.executable, "-m", "edgeseg.benchmarks.starting", *words]

    def run(self) -> tuple[float, ...]:
        """Return the seconds of opening and of the first run.

        Raises:
            ModelError: the process failed or did not end in time.
        """
        try:
            done = subprocess.run(
                self._command, capture_output=True, text=True, check=True, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"a start took longer than {PATIENCE_S:.0f} s") from error
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
            raise ModelError(f"a start failed: {last}") from error
        found = json.loads(done.stdout.splitlines()[-1])
        if found["peak_bytes"] is not None:
            self.peaks.append(found["peak_bytes"])
        return found["load_s"], found["first_s"]

    def close(self) -> None:
        """Nothing is held between calls."""


def _measure(model: Path, threads: int, runtime: str | None) -> dict[str, float | int | None]:
    from edgeseg.runtimes import preload
    from edgeseg.segmenter import Segmenter

    from .cases import street_frame

    preload(runtime)
    frame = street_frame()
    before = _resident_after_reset()
    start = perf_counter()
    with Segmenter(model, threads=threads, runtime=runtime) as segmenter:
        loaded = perf_counter()
        tensor = segmenter.prepare(frame)
        ready = perf_counter()
        segmenter.infer(tensor)
        done = perf_counter()
        peak = _status("VmHWM")
    taken = None if peak is None or before is None else max(0, peak - before)
    return {"load_s": loaded - start, "first_s": done - ready, "peak_bytes": taken}


def _resident_after_reset() -> int | None:
    """Set the peak back to what is resident now, and return that; None where Linux is not."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(field: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith(f"{field}:")), None)
    return None if found is None else int(found) * 1024


def main(arguments: Sequence[str]) -> None:
    """Child process: measure once, and print what it took as JSON."""
    model, threads, runtime = arguments
    found = _measure(Path(model), int(threads), runtime or None)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
