"""Every decoder with every upsampling, converted for targets whose own compilers can judge it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeseg.converters import ConvertOptions, convert
from edgeseg.converters.compilers import judge, why_not
from edgeseg.converters.delegates import target
from edgeseg.fcn import ModelCard, save_model
from edgeseg.fcn.card import build
from edgeseg.fcn.encoder import encoder_spec
from edgeseg.labels import palette_for
from edgeseg.manifest import Size

pytestmark = [pytest.mark.convert, pytest.mark.slow]

SIZE = Size(96, 64)
CASES = [
    (decoder, upsampling)
    for decoder in ("fcn8", "fcn16", "fcn32")
    for upsampling in ("transpose", "learned", "bilinear", "nearest")
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def network(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights; `learned` has random transposed kernels."""
    decoder, upsampling = request.param
    built = "transpose" if upsampling == "learned" else upsampling
    keras.utils.set_random_seed(1)
    card = ModelCard(
        decoder=decoder,
        encoder="mobilenetv2-0.35",
        upsampling=built,
        labels=tuple("abcde"),
        palette=palette_for(5),
        preparation=encoder_spec("mobilenetv2-0.35").preparation(SIZE),
    )
    model = build(card)
    if upsampling == "learned":
        rng = np.random.default_rng(0)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2DTranspose):
                layer.set_weights([rng.normal(size=w.shape, scale=0.1) for w in layer.weights])
    path = tmp_path_factory.mktemp("networks") / f"{decoder}-{upsampling}.keras"
    save_model(model, card, path)
    return path


def converted(network: Path, name: str, precision: Any, pictures: Path, tmp_path: Path) -> bytes:
    """Convert for a target with the full head, where every upsampling layer has to run there."""
    options = ConvertOptions(
        str(network),
        tmp_path / "o.tflite",
        precision,
        head="full",
        calibration=pictures,
        refine=False,
        # Random weights leave scores that are almost ties: int8 may fall either way.
        min_agreement=0.0,
        target=name,
    )
    report = convert(options)
    assert report.check is not None
    assert not report.check.left_out
    if report.rewritten is not None and report.rewritten.proof is not None:
        assert report.rewritten.exact
        assert report.rewritten.proof.agreement >= 0.9999
    return options.output.read_bytes()


def ask(network: Path, name: str, precision: Any, pictures: Path, tmp_path: Path) -> None:
    """Convert, and let the target's own compiler judge: nothing left out, no number wrong."""
    if reason := why_not(target(name)):
        pytest.skip(reason)
    tflite = converted(network, name, precision, pictures, tmp_path)
    word = judge(tflite, target(name))
    assert word is not None
    assert (word.left_out, word.wrong, word.failed) == ((), "", "")


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u65-256", "ethos-u85-256"])
def test_vela_leaves_no_operator_to_the_cpu(
    name: str, network: Path, pictures: Path, tmp_path: Path
) -> None:
    ask(network, name, "int8", pictures, tmp_path)


def test_the_gpu_computes_what_the_cpu_does(network: Path, pictures: Path, tmp_path: Path) -> None:
    ask(network, "gpu", "float32", pictures, tmp_path)


def test_tflite_micro_computes_the_reference_bit_for_bit(
    network: Path, pictures: Path, tmp_path: Path
) -> None:
    ask(network, "tflm", "int8", pictures, tmp_path)


# test_planner.py holds the plans of the other decoders against the tables.
@pytest.mark.parametrize("network", CASES[:4], ids="-".join, indirect=True)
@pytest.mark.parametrize("name", ["edgetpu", "mediatek", "samsung", "nnapi-30", "coreml"])
def test_no_operator_is_left_where_only_a_table_can_say(
    name: str, network: Path, pictures: Path, tmp_path: Path
) -> None:
    precision = "float32" if name == "coreml" else "int8"
    converted(network, name, precision, pictures, tmp_path)
