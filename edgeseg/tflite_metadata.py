"""What TFLite Metadata, the scheme of TensorFlow's Task Library and MediaPipe, says of a model.

Field numbers: `metadata_schema.fbs` of tflite-support.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass

from edgeseg.errors import ModelError
from edgeseg.flatbuffer import Table, metadata, root_table

_NAME = "TFLITE_METADATA"
_MAX_LABELS_BYTES = 1 << 16

_Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Hints:
    """The parts that edgeseg uses; None where the file does not say.

    Attributes:
        mean, std: value = (pixel - mean) / std, pixel in 0..255, in RGB order.
        labels: class names.
    """

    mean: _Triple | None = None
    std: _Triple | None = None
    labels: tuple[str, ...] | None = None


def read_hints(data: bytes) -> Hints:
    """Return what a .tflite file's TFLite Metadata says; empty hints where it has none.

    Damage inside the metadata counts as nothing said, since the model can run without it.

    Raises:
        ModelError: the .tflite file itself is damaged.
    """
    content = metadata(data, _NAME)
    labels = _labels(data)
    if content is None:
        return Hints(labels=labels)
    try:
        mean, std = _normalization(root_table(content))
    except ModelError:
        return Hints(labels=labels)
    return Hints(mean, std, labels)


def _normalization(model: Table) -> tuple[_Triple | None, _Triple | None]:
    graphs, inputs, process_units, option_kind, option = 2, 2, 4, 0, 1
    normalization = 1  # in the union ProcessUnitOptions
    for graph in model.tables(graphs):
        for tensor in graph.tables(inputs):
            for unit in tensor.tables(process_units):
                options = unit.table(option)
                if unit.number(option_kind, "B") == normalization and options is not None:
                    return _checked(options)
    return None, None


def _checked(options: Table) -> tuple[_Triple | None, _Triple | None]:
    mean, std = _triple(options.numbers(0, "f")), _triple(options.numbers(1, "f"))
    if mean is None or std is None or min(std) <= 0:
        return None, None
    return mean, std


def _triple(values: tuple[float, ...]) -> _Triple | None:
    if len(values) not in (1, 3) or not all(map(math.isfinite, values)):
        return None
    return values[0], values[len(values) // 2], values[-1]


def _labels(data: bytes) -> tuple[str, ...] | None:
    """Labels are a text file in a zip archive that is appended to the model."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = [info for info in archive.infolist() if info.filename.endswith(".txt")]
            if len(texts) != 1 or texts[0].file_size > _MAX_LABELS_BYTES:
                return None
            lines = archive.read(texts[0]).decode("utf-8").splitlines()
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, ValueError, NotImplementedError):
        return None
    return tuple(line.strip() for line in lines if line.strip()) or None
