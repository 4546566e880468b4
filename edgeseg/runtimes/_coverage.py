"""How many of a model's operators a delegate (XNNPACK, on CPUs) has taken over."""

from __future__ import annotations

from typing import Any

_DELEGATE = "DELEGATE"


def kernels_in_use(interpreter: Any) -> str:
    """Return `XNNPACK`, `XNNPACK for 70 of 72 operators` or `built-in kernels`.

    The masks of quantized models differ slightly between kernel sets, and speed differs much, so
    figures should name it. Only a private call of the interpreter tells; where a version does not
    have it, the answer is `kernels unknown`.
    """
    try:
        operators = interpreter._get_ops_details()
        taken, total = len(delegated_operators(operators)), len(_plain(operators))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        return "kernels unknown"
    if not taken:
        return "built-in kernels"
    return "XNNPACK" if taken == total else f"XNNPACK for {taken} of {total} operators"


def delegated_operators(operators: list[dict[str, Any]]) -> set[int]:
    """Return which of the file's operators are inside delegates, by their places in the file.

    The list, an interpreter's `_get_ops_details()`, keeps the replaced operators and adds one
    DELEGATE entry per replaced part, so the replaced ones are those met on the way back from its
    outputs to its inputs.
    """
    plain = _plain(operators)
    makers = {int(out): index for index, op in enumerate(plain) for out in op["outputs"]}
    taken: set[int] = set()
    for operator in operators:
        if operator["op_name"] == _DELEGATE:
            taken |= _between(plain, makers, operator)
    return taken


def _plain(operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [operator for operator in operators if operator["op_name"] != _DELEGATE]


def _between(
    plain: list[dict[str, Any]], makers: dict[int, int], delegate: dict[str, Any]
) -> set[int]:
    given = {int(tensor) for tensor in delegate["inputs"]}
    found: set[int] = set()
    wanted = [int(tensor) for tensor in delegate["outputs"]]
    while wanted:
        maker = makers.get(wanted.pop())
        if maker is None or maker in found:
            continue
        found.add(maker)
        wanted.extend(int(t) for t in plain[maker]["inputs"] if int(t) not in given)
    return found
