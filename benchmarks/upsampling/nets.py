"""Networks of one upsampling in each of its forms, converted in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeseg.errors import MissingExtraError
from edgeseg.files import atomic_write_bytes
from edgeseg.manifest import Size

from .results import REFERENCE, Contender, Operator

if TYPE_CHECKING:
    from edgeseg.converters.rewrite.form import Form
    from edgeseg.converters.rewrite.sites import Site

FRAMES = 4  # of random features: the ranges of int8, and what a form is fitted to
SEED = 1


@dataclass(frozen=True)
class Shape:
    """What is enlarged.

    Attributes:
        size: of the output in pixels.
        classes: channels of input and output.
        stride: of the upsampling.
        taps: the transposed convolution's kernel in strides: 2 for k = 2s.
    """

    size: Size
    classes: int
    stride: int
    taps: int = 2

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """[1, h, w, channels] before the upsampling."""
        height, width = self.size.height // self.stride, self.size.width // self.stride
        return 1, height, width, self.classes


@dataclass(frozen=True)
class Net:
    """A form's .tflite file."""

    contender: Contender
    path: Path


def reasons_against(shape: Shape) -> Iterator[str]:
    """Yield why there is no such upsampling."""
    if shape.classes < 1:
        yield f"--classes {shape.classes}; expected 1 or more"
    if shape.taps < 1:
        yield f"--taps {shape.taps}; expected 1 or more"
    if shape.stride < 2:
        yield f"--strides {shape.stride}; expected 2 or more"
    elif shape.size.width % shape.stride or shape.size.height % shape.stride:
        yield (
            f"--size {shape.size} is no multiple of stride {shape.stride}; take another size, or "
            "leave the stride out"
        )


@contextmanager
def worker() -> Iterator[ProcessPoolExecutor]:
    """Yield a process for TensorFlow, whose threads and memory must not weigh on what is timed.

    Raises:
        MissingExtraError: TensorFlow is not installed.
    """
    if find_spec("tensorflow") is None:
        raise MissingExtraError("TensorFlow, which makes the forms' files,", "convert")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def make_nets(shape: Shape, precision: str, folder: Path) -> tuple[Net, ...]:
    """Return a file for every form that can stand for an upsampling, `REFERENCE` first.

    Each form is built for the first layer that it fits: a transposed convolution with a random
    kernel, one with the bilinear kernel, a bilinear and a nearest resize. Files that are in
    `folder` already are taken from there.
    """
    from edgeseg.converters.quiet import import_keras, quiet_tensorflow

    import_keras()
    with quiet_tensorflow():
        nets = _made(shape, precision, folder)
    return tuple(sorted(nets.values(), key=lambda net: net.contender.label != REFERENCE))


def _made(shape: Shape, precision: str, folder: Path) -> dict[str, Net]:
    from edgeseg.converters.rewrite.forms import FORMS

    nets: dict[str, Net] = {}
    for source, site in _sites(shape):
        for form in FORMS:
            contender = Contender(form.name, source, form.title, form.exact, ())
            if contender.label in nets or not _is_wanted(form, source, site):
                continue
            path = folder / _file_name(contender, shape, precision)
            if not path.is_file():
                atomic_write_bytes(path, _converted(_network(form, site), precision))
            nets[contender.label] = _described(contender, path)
    return nets


def _file_name(contender: Contender, shape: Shape, precision: str) -> str:
    output = f"{shape.size}x{shape.classes}"
    kernel = f"s{shape.stride}-k{shape.stride * shape.taps}"
    return f"{contender.name}-{contender.source}-{kernel}-{output}-{precision}.tflite".replace(
        " ", "-"
    )


def _is_wanted(form: Form, source: str, site: Site) -> bool:
    """Whether a form stands for a layer; the layer itself counts where no form is the same."""
    if form.name == REFERENCE:
        return source in ("learned kernel", "nearest resize")
    return not form.fits(site)


def _described(contender: Contender, path: Path) -> Net:
    from edgeseg.converters.delegates.op import read_ops
    from edgeseg.converters.delegates.rates import activation_type, amounts, rate_name

    operators = []
    for op in read_ops(path.read_bytes()):
        macs, parts, elements, _ = amounts(op)
        operators.append(Operator(rate_name(op), activation_type(op), macs, parts, elements))
    return Net(replace(contender, operators=tuple(operators)), path)


def _sites(shape: Shape) -> Iterator[tuple[str, Site]]:
    """Yield the layers that forms can stand for, with their names."""
    import keras

    from edgeseg.converters.rewrite.tail import bilinear_plane

    stride, classes = shape.stride, shape.classes
    rng = np.random.default_rng(SEED)
    taps = shape.taps * stride
    learned = (rng.standard_normal((taps, taps, classes, classes)) / taps).astype(np.float32)
    yield "learned kernel", _transposed(shape, learned)
    plane = bilinear_plane(2 * stride - stride % 2, stride)
    assert plane is not None
    kernel = plane[:, :, None, None] * np.eye(classes, dtype=np.float32)
    yield "bilinear kernel", _transposed(shape, kernel)
    for kind in ("bilinear", "nearest"):
        layer = keras.layers.UpSampling2D(stride, interpolation=kind, name="up")
        yield f"{kind} resize", _site(shape, kind, layer)


def _transposed(shape: Shape, kernel: NDArray[np.float32]) -> Site:
    import keras

    layer = keras.layers.Conv2DTranspose(
        shape.classes,
        kernel.shape[:2],
        strides=shape.stride,
        padding="same",
        use_bias=False,
        name="up",
    )
    layer.build(shape.input_shape)
    layer.set_weights([kernel])
    return _site(shape, "transpose", layer)


def _site(shape: Shape, kind: Any, layer: Any) -> Site:
    from edgeseg.converters.rewrite.sites import Site

    output = (1, shape.size.height, shape.size.width, shape.classes)
    return Site("up", kind, layer, shape.input_shape, output, winner_only=True)


def _network(form: Form, site: Site) -> Any:
    import keras

    features = keras.Input(batch_shape=site.input_shape)
    build = form.fit(site, _features(site.input_shape)) if form.fit else form.build
    return keras.Model(features, build(site, features))


def _features(shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(SEED)
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(FRAMES)]


def _converted(model: Any, precision: str) -> bytes:
    import tensorflow as tf

    from edgeseg.converters.freeze import freeze

    function = freeze(lambda features: model(features, training=False), model.input_shape)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if precision == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: (
            [frame] for frame in _features(model.input_shape)
        )
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())
