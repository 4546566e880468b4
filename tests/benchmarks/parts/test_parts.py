"""Parts of networks: where a file is cut, that the cut computes the same, what a part takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg import zoo
from edgeseg.benchmarks.cases import prepare_cases
from edgeseg.benchmarks.paired import Recording, Round, WarmUp
from edgeseg.benchmarks.parts.cut import prefix
from edgeseg.benchmarks.parts.groups import Segment, segments
from edgeseg.benchmarks.parts.measure import networks_of
from edgeseg.benchmarks.variants import parse_variant
from edgeseg.cli import main
from edgeseg.complexity import complexity
from edgeseg.errors import ModelError

DATA = Path(__file__).parents[2] / "data"
CLASSES = 11


def embedded(name: str) -> bytes:
    return zoo.resolve_tflite(name).read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fcn32", ["encoder", "scores"]),
        ("fcn16", ["encoder", "scores", "upsampling", "scores"]),
        ("fcn8", ["encoder", "scores", "upsampling", "scores", "upsampling", "scores"]),
    ],
)
def test_the_zoos_networks_fall_into_their_parts(name: str, expected: list[str]) -> None:
    found = segments(embedded(name), CLASSES)
    assert [segment.group for segment in found] == expected
    stops = [segment.stop for segment in found]
    assert stops == sorted(set(stops))
    assert sum(segment.macs for segment in found) == complexity(embedded(name)).macs
    assert found[0].macs > 0.9 * sum(segment.macs for segment in found)


def test_what_is_no_fcn_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot tell encoder and decoder apart"):
        segments(embedded("fcn8"), 7)


def ran(model: bytes, *, delegate: bool = False) -> Any:
    """An interpreter after one run on random input, always the same."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    resolver = interpreter.OpResolverType
    kernels = resolver.BUILTIN if delegate else resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    made = interpreter.Interpreter(
        model_content=model,
        experimental_op_resolver_type=kernels,
        experimental_preserve_all_tensors=not delegate,
    )
    made.allocate_tensors()
    given = made.get_input_details()[0]
    values = np.random.default_rng(1).integers(-128, 127, given["shape"])
    made.set_tensor(given["index"], values.astype(given["dtype"]))
    made.invoke()
    return made


def check_beginnings(model: bytes, classes: int) -> None:
    """Every tensor that a cut file gives out is the whole file's tensor of the same number."""
    whole = ran(model)
    for segment in segments(model, classes):
        beginning = prefix(model, segment.stop)
        part = ran(beginning)
        indices = [output["index"] for output in part.get_output_details()]
        assert indices
        for index in indices:
            assert np.array_equal(part.get_tensor(index), whole.get_tensor(index)), segment
        ran(beginning, delegate=True)
    assert indices == [output["index"] for output in whole.get_output_details()]


def test_the_beginnings_compute_what_the_whole_computes() -> None:
    check_beginnings(embedded("fcn8"), CLASSES)


@pytest.mark.convert
@pytest.mark.parametrize(
    ("up", "head", "precision"),
    [
        ("transpose", "full", "float16"),
        ("bilinear", "argmax", "float32"),
        ("nearest", "coarse", "dynamic"),
    ],
)
def test_other_forms_fall_into_their_parts_too(up: str, head: str, precision: str) -> None:
    """float16 files unpack all weights first, and a score may run before the encoder has ended."""
    model = converted(up, head, precision)
    found = segments(model, 5)
    tail = set() if head == "coarse" else {"head"}
    assert {segment.group for segment in found} == {"encoder", "scores", "upsampling", *tail}
    encoder = sum(segment.macs for segment in found if segment.group == "encoder")
    assert encoder == 16 * 16 * 9 * 3 * 8 + 8 * 8 * 9 * 8 * 12
    scores = sum(segment.macs for segment in found if segment.group == "scores")
    assert scores == 8 * 8 * 12 * 5 + 16 * 16 * 8 * 5
    check_beginnings(model, 5)


def converted(up: str, head: str, precision: str) -> bytes:
    """An FCN of two scores, with 5 classes."""
    import keras
    import tensorflow as tf

    def enlarged(maps: Any) -> Any:
        if up == "transpose":
            return keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same")(maps)
        return keras.layers.UpSampling2D(2, interpolation=up)(maps)

    layers = keras.layers
    image = keras.Input((32, 32, 3), batch_size=1)
    early = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    late = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(early)
    maps = enlarged(layers.Conv2D(5, 1)(late)) + layers.Conv2D(5, 1)(early)
    maps = maps if head == "coarse" else enlarged(maps)
    if head == "argmax":
        maps = layers.Lambda(lambda scores: tf.argmax(scores, -1))(maps)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, maps))
    converter.optimizations = [] if precision == "float32" else [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


@pytest.mark.parametrize("count", [0, 10_000])
def test_a_cut_outside_the_file_is_refused(count: int) -> None:
    with pytest.raises(ModelError, match=r"no .* operators"):
        prefix(embedded("fcn8"), count)


def test_a_part_takes_what_its_end_takes_more() -> None:
    """Drift that slows whole rounds is in the ends alike; groups that come twice add up."""
    (case,) = prepare_cases(
        [parse_variant("fcn16", ("fcn16",))],
        threads=1,
        runtime=None,
        tell=lambda text: None,  # noqa: ARG005
    )
    parts = (
        Segment("encoder", 62, 900),
        Segment("scores", 63, 50),
        Segment("upsampling", 64, 0),
        Segment("scores", 66, 50),
    )
    ends = np.array([8.0, 8.5, 9.5, 10.0]) / 1e3
    rounds = [
        Round(sitting, (0, 1, 2, 3), tuple(np.array([[end * slow]]) for end in ends))
        for sitting in range(6)
        for slow in (1.0, 1.0, 1.5)
    ]
    recording = Recording(("a", "b", "c", "d"), [WarmUp(1, 1.0, True, 0.01)] * 4, rounds, 6.0)
    (network,) = networks_of([case], [parts], recording)
    assert [part.group for part in network.parts] == ["encoder", "scores", "upsampling"]
    assert [part.ms for part in network.parts] == pytest.approx([8.0, 1.0, 1.0])
    assert network.whole.ms == pytest.approx(10.0)
    assert network.parts[1].macs == 100
    assert network.decoder_share == pytest.approx(0.2)
    assert network.parts[0].low is not None


def test_the_command_shows_and_keeps_the_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "parts.json"
    words = ["bench", "fcn32", "--what", "parts", "--seconds", "0.3", "--rounds", "1"]
    assert main([*words, "--json", str(path)]) == 0
    out = capsys.readouterr().out
    for word in ("encoder", "scores", "MMACs", "the decoder (scores) takes"):
        assert word in out
    (network,) = json.loads(path.read_text())["networks"]
    assert [part["group"] for part in network["parts"]] == ["encoder", "scores", "network"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fcn8", "--csv", "x.csv"], "--csv does not go with --what parts"),
        ([str(DATA / "tiny-int8.tflite")], "cannot tell encoder and decoder apart"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words, "--what", "parts"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.strip().count("\n") == 0
