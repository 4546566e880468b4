"""The table of whole networks on Ethos-U."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.benchmarks.upsampling.ethos import rows_of, table
from edgeseg.converters.compilers import why_not
from edgeseg.converters.delegates import target

pytestmark = pytest.mark.convert


def test_rows_show_both_files(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    if reason := why_not(target("ethos-u55-128")):
        pytest.skip(reason)
    keras.utils.set_random_seed(1)
    image = keras.Input((32, 32, 3))
    cells = keras.layers.Conv2D(4, 4, strides=4)(image)
    logits = keras.layers.Conv2DTranspose(4, 8, strides=4, padding="same")(cells)
    keras.Model(image, logits).save(tmp_path / "net.keras")
    (row,) = rows_of(str(tmp_path / "net.keras"), ["ethos-u55-128"], None)
    name, accelerator, planned_ms, left, untouched_ms, untouched_left = row
    assert (name, accelerator) == ("net", "ethos-u55-128")
    assert (left, untouched_left) == ("0", "1")
    assert min(float(planned_ms), float(untouched_ms)) >= 0
    shown = table([row]).splitlines()
    assert len(shown) == 3
    assert shown[2].startswith("| net | ethos-u55-128 |")
