"""Every decoder x upsampling x encoder builds, converts to float32 and int8, and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, convert
from edgeseg.fcn import DECODERS, ENCODERS, UPSAMPLINGS, ModelCard, save_model
from edgeseg.fcn.card import build
from edgeseg.fcn.encoder import encoder_spec
from edgeseg.labels import palette_for
from edgeseg.manifest import Size
from edgeseg.segmenter import Segmenter

pytestmark = [pytest.mark.convert, pytest.mark.slow]

SIZE = Size(80, 56)  # 32 divides neither side: padding and cropping are part of the table
STRIDE = {"fcn32": 32, "fcn16": 16, "fcn8": 8}

# The widths of MobileNetV2 differ in nothing but channel counts: one of them takes the whole table.
WHOLE = [name for name in ENCODERS if not name.startswith("mobilenetv2") or name.endswith("-0.35")]
WIDTHS = [name for name in ENCODERS if name not in WHOLE]
TABLE = [(d, u, e) for e in WHOLE for d in DECODERS for u in UPSAMPLINGS]
TABLE += [("fcn8", "transpose", e) for e in WIDTHS]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for number in range(6):
        coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
        picture = cv2.resize(coarse, (160, 112), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.mark.parametrize(("decoder", "upsampling", "encoder"), TABLE)
def test_converts_and_runs(
    decoder: Any, upsampling: Any, encoder: str, frames: Path, tmp_path: Path
) -> None:
    card = ModelCard(
        decoder=decoder,
        encoder=encoder,
        upsampling=upsampling,
        labels=("a", "b", "c", "d"),
        palette=palette_for(4),
        preparation=encoder_spec(encoder).preparation(SIZE),
    )
    save_model(build(card), card, tmp_path / "model.keras")
    frame = cv2.imread(str(frames / "0.png"))
    for precision in ("float32", "int8"):
        report = convert(
            ConvertOptions(
                source=str(tmp_path / "model.keras"),
                output=tmp_path / f"{precision}.tflite",
                precision=precision,  # type: ignore[arg-type]
                calibration=frames,
                # Random weights leave scores that are almost ties: int8 may fall either way.
                min_agreement=0.999 if precision == "float32" else 0.0,
            )
        )
        assert report.manifest.head.stride == STRIDE[decoder]
        with Segmenter(report.path) as segmenter:
            assert segmenter.manifest == report.manifest
            mask = segmenter.segment(frame).mask
        assert mask.shape == frame.shape[:2]
        assert mask.max() < 4
