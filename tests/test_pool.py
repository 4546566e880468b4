"""edgeseg.kernels.Pool: the same results whoever shares the rows, and nobody waits for nobody."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.decode import Grid, decode
from edgeseg.errors import ConfigError
from edgeseg.kernels import ENVIRONMENT, Pool, available
from edgeseg.manifest import Preparation, Size
from edgeseg.overlay import colorize, overlay
from edgeseg.prepare import prepare
from edgeseg.runtimes import TensorSpec
from edgeseg.segmenter import Segmenter, locate

# Large enough that the kernels take threads, and of no round size.
FRAME = Size(1001, 613)
INPUT = Size(517, 483)
CLASSES = 21
PALETTE = [(index * 11, 255 - index, index * 7) for index in range(CLASSES)]

Work = Callable[[Pool | None], tuple[NDArray[Any], ...]]


def work() -> dict[str, Work]:
    """Return each kernel at work, with all its outputs, on noise."""
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (FRAME.height, FRAME.width, 3), np.uint8)
    yuyv = random.integers(0, 256, (FRAME.height, FRAME.width - 1, 2), np.uint8)
    mask = random.integers(0, CLASSES, frame.shape[:2], np.uint8)
    scores = random.integers(-9, 9, (23, 31, CLASSES)).astype(np.int8)
    grid = Grid(31 / FRAME.width, 23 / FRAME.height)
    tensor = TensorSpec((1, INPUT.height, INPUT.width, 3), "int8", 0.0078, -1)
    preparation = Preparation(INPUT, resize="letterbox")

    def decoded(pool: Pool | None) -> tuple[NDArray[Any], ...]:
        counts = np.zeros(CLASSES, np.uint32)
        confidence = np.empty(mask.shape, np.float32)
        plain = decode(scores, FRAME, grid, counts=counts, pool=pool)
        ranked = decode(scores, FRAME, grid, confidence=confidence, pool=pool)
        return plain, counts, ranked, confidence

    return {
        "decode": decoded,
        "prepare": lambda pool: (prepare(frame, preparation, tensor, pool=pool),),
        "prepare yuyv": lambda pool: (
            prepare(yuyv, preparation, tensor, layout="yuyv", pool=pool),
        ),
        "overlay": lambda pool: (overlay(frame, mask, PALETTE, 0.3, contour=2, pool=pool),),
        "colorize": lambda pool: (colorize(mask, PALETTE, pool=pool),),
    }


WORK = work()


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(3)
    yield made
    made.close()


def same(got: tuple[NDArray[Any], ...], expected: tuple[NDArray[Any], ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
@pytest.mark.parametrize("name", WORK)
def test_results_do_not_depend_on_threads(name: str, threads: int) -> None:
    pool = Pool(threads)
    expected = WORK[name](None)
    for _ in range(5):
        assert same(WORK[name](pool), expected)
    pool.close()
    assert same(WORK[name](pool), expected)


def test_all_sets_of_kernels_take_a_pool(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in available():
        monkeypatch.setenv(ENVIRONMENT, name)
        for do in WORK.values():
            assert same(do(pool), do(None))


def test_several_callers_may_share_a_pool(pool: Pool) -> None:
    expected = {name: do(None) for name, do in WORK.items()}
    wrong: list[str] = []

    def check(names: list[str]) -> None:
        wrong.extend(name for name in names * 4 if not same(WORK[name](pool), expected[name]))

    names = list(WORK)
    callers = [threading.Thread(target=check, args=(names[n:] + names[:n],)) for n in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    assert not wrong


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_does_its_work_alone(pool: Pool) -> None:
    expected = WORK["overlay"](pool)
    child = os.fork()
    if child == 0:
        done = same(WORK["overlay"](pool), expected)
        pool.close()
        os._exit(0 if done else 1)
    deadline_s = time.monotonic() + 30
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline_s:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child waits for threads that it does not have")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc")
def test_threads_sleep_between_calls_and_end_with_the_pool() -> None:
    if available() == ("numpy",):
        pytest.skip("the native extension is not built")

    def tasks() -> set[Path]:
        return set(Path("/proc/self/task").iterdir())

    before = tasks()
    pool = Pool(4)
    own = tasks() - before
    assert len(own) == 3
    WORK["overlay"](pool)
    time.sleep(0.1)

    def ticks(task: Path) -> int:
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    used = [ticks(task) for task in own]
    time.sleep(0.3)
    assert [ticks(task) for task in own] == used
    pool.close()
    assert not tasks() & own


@pytest.mark.parametrize("threads", [0, -1, 65])
def test_a_number_of_threads_that_makes_no_sense_is_refused(threads: int) -> None:
    with pytest.raises(ConfigError, match=rf"1 to 64 threads, not {threads}"):
        Pool(threads)


def test_a_segmenter_has_a_pool_of_its_networks_threads() -> None:
    with Segmenter(locate("fcn8"), threads=2) as segmenter:
        assert segmenter.pool.threads == 2
        frame = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
        shared = segmenter.segment(frame)
    with Segmenter(locate("fcn8"), threads=1) as segmenter:
        assert segmenter.pool.native is None
        alone = segmenter.segment(frame)
    assert (shared.mask == alone.mask).all()
    assert shared.counts is not None
    assert alone.counts is not None
    assert shared.counts.tolist() == alone.counts.tolist()
