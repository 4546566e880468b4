"""The callback: every result, and its own errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgeseg.loop import FrameResult
from edgeseg.sinks.callback import CallbackSink


def test_the_function_gets_the_results(make_result: Callable[..., FrameResult]) -> None:
    seen: list[FrameResult] = []
    with CallbackSink(seen.append, "mine") as sink:
        sink.write(make_result(3))
    assert [result.frame.index for result in seen] == [3]
    assert sink.name == "mine"


def test_its_errors_are_its_own(make_result: Callable[..., FrameResult]) -> None:
    def divide(_: FrameResult) -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        CallbackSink(divide).write(make_result())
