"""Completion of variants in a shell: names, files, and the parts behind a colon."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

_VERSUS = "vs"


def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer what may stand next.

    Bash cuts words at colons, so that it asks for `bil` behind `fcn8` and `:`; others ask for
    `fcn8:bil`.
    """
    given = list(ctx.params.get("words") or ())
    if given and given[-1] == ":":
        return _items("", incomplete, _parts(given))
    if given and given[-1] != _VERSUS and ":" not in incomplete:
        items = _items("", incomplete, [_VERSUS])
        return [*items, *_items("", incomplete, [":"])] if not incomplete else items
    head, colon, part = incomplete.rpartition(":")
    if colon:
        return _items(f"{head}:", part, _parts(head.split(":")))
    from edgeseg.zoo import names

    file = CompletionItem(incomplete, type="file")
    return [*_items("", incomplete, names()), file]


def _parts(given: list[str]) -> list[str]:
    """Return the parts whose kind was not chosen since the last `vs`."""
    from edgeseg.benchmarks.variants import MADE_PARTS, PARTS, RUN_PARTS, kind_of

    since = given[::-1][: given[::-1].index(_VERSUS)] if _VERSUS in given else given
    chosen = {kind_of(word) for word in since}
    kinds = RUN_PARTS if any(word.endswith(".tflite") for word in since) else MADE_PARTS | RUN_PARTS
    return [word for kind in kinds if kind not in chosen for word in PARTS[kind]]


def _items(before: str, incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(before + word) for word in words if word.startswith(incomplete)]
