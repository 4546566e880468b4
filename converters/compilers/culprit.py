"""Which operator computes wrong numbers: a model is cut off behind one after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

IsWrong = Callable[[bytes], bool]


def find_culprit(model: bytes, is_wrong: IsWrong) -> int:
    """Return the first operator whose output is wrong, by its place in the file.

    The place is halved until one operator is wrong and the one before it is right; from there on
    it is looked whether what feeds it is right, since branches run one after the other.

    Args:
        model: a .tflite file of one graph whose output is wrong.
        is_wrong: tries a model in the runtime in question.
    """
    parsed = _parse(model)
    operators = parsed.subgraphs[0].operators

    @cache
    def wrong_at(place: int) -> bool:
        return is_wrong(ending_at(model, place))

    right, wrong = -1, len(operators) - 1
    while wrong - right > 1:
        middle = (right + wrong) // 2
        right, wrong = (right, middle) if wrong_at(middle) else (middle, wrong)
    while (earlier := next(filter(wrong_at, _feeders(operators, wrong)), None)) is not None:
        wrong = earlier
    return wrong


def ending_at(model: bytes, place: int) -> bytes:
    """Return the model up to the operator at `place`, whose output is the only one."""
    import flatbuffers

    parsed = _parse(model)
    graph = parsed.subgraphs[0]
    last = graph.operators[place]
    graph.operators = [graph.operators[at] for at in _needed(graph.operators, place)]
    graph.outputs = [int(last.outputs[0])]
    parsed.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _needed(operators: list[Any], place: int) -> list[int]:
    found, waiting = set(), [place]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting.extend(_feeders(operators, at))
    return sorted(found)


def _parse(model: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(model, 0)


def _feeders(operators: list[Any], place: int) -> list[int]:
    """Return the operators that make the inputs of one, the latest first."""
    given = {int(tensor) for tensor in operators[place].inputs}
    makers = range(place - 1, -1, -1)
    return [at for at in makers if given & {int(tensor) for tensor in operators[at].outputs}]
