"""From a frame to a class map at the frame's size, through real .tflite files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseg.decode import grid_for
from edgeseg.errors import ConfigError, ModelError, SourceError
from edgeseg.heads import check_head, grid_on
from edgeseg.manifest import Head, Layout, Manifest, Preparation, Size
from edgeseg.metrics import agreement
from edgeseg.modelfile import ManifestOverrides, read_labels
from edgeseg.prepare import place
from edgeseg.runtimes import TensorSpec
from edgeseg.segmenter import Segmenter, locate, open_segmenter

DATA = Path(__file__).parent / "data"
INT8 = DATA / "tiny-int8.tflite"  # strongest colour of a 48x32 picture: 0 red, 1 green, 2 blue
FLOAT = DATA / "tiny-float32.tflite"
ARGMAX = DATA / "tiny-argmax.tflite"
OPEN = DATA / "tiny-open.tflite"
MODELS = pytest.mark.parametrize("model", [INT8, FLOAT, ARGMAX], ids=lambda path: path.stem)

RED, GREEN, BLUE = (20, 30, 220), (30, 220, 40), (220, 20, 30)  # BGR, as frames are


def stripes(size: Size) -> NDArray[np.uint8]:
    """A frame whose left half is red, its right half blue, its lower third green."""
    frame = np.full((size.height, size.width, 3), RED, np.uint8)
    frame[:, size.width // 2 :] = BLUE
    frame[2 * size.height // 3 :] = GREEN
    return frame


def expected(size: Size) -> NDArray[np.uint8]:
    strongest = stripes(size).argmax(axis=2)  # in BGR, the opposite order of the classes
    return np.asarray(2 - strongest, np.uint8)


@MODELS
@pytest.mark.parametrize(
    "size", [Size(48, 32), Size(480, 320), Size(333, 101), Size(20, 90)], ids=str
)
def test_masks_have_the_frames_size_and_the_right_classes(model: Path, size: Size) -> None:
    with Segmenter(model) as segmenter:
        result = segmenter.segment(stripes(size))
    assert result.mask.dtype == np.uint8
    assert result.mask.shape == (size.height, size.width)
    # Only pixels within a cell of a border between colours may differ.
    assert agreement(result.mask, expected(size)) > 0.85
    assert set(np.unique(result.mask)) == {0, 1, 2}


@MODELS
def test_a_letterboxed_frame_comes_back_whole(model: Path) -> None:
    size = Size(60, 200)
    letterbox = ManifestOverrides(resize="letterbox")
    with Segmenter(model, overrides=letterbox) as segmenter:
        mask = segmenter.segment(stripes(size)).mask
    # The frame is 10 of 48 input pixels wide, two and a half cells.
    assert agreement(mask, expected(size)) > 0.7
    assert mask[:100, :20].max() == 0
    assert (mask[:100, 40:] == 2).all()
    assert (mask[-40:] == 1).all()


def test_stages_are_what_segment_does() -> None:
    frame = stripes(Size(100, 70))
    with Segmenter(INT8) as segmenter:
        whole = segmenter.segment(frame)
        output = segmenter.infer(segmenter.prepare(frame))
        assert (segmenter.decode(output, Size(100, 70)) == whole.mask).all()
    for time_ms in (whole.times.prepare_ms, whole.times.infer_ms, whole.times.decode_ms):
        assert 0 < time_ms < 5000


def test_prepared_tensors_are_the_callers_own() -> None:
    with Segmenter(FLOAT) as segmenter:
        first = segmenter.prepare(stripes(Size(48, 32)))
        kept = first.copy()
        segmenter.prepare(np.zeros((32, 48, 3), np.uint8))
        segmenter.segment(np.zeros((32, 48, 3), np.uint8))
        assert (first == kept).all()


def test_frames_of_changing_size_and_kind() -> None:
    with Segmenter(INT8) as segmenter:
        for size in (Size(64, 48), Size(31, 33), Size(1, 1), Size(64, 48)):
            assert segmenter.segment(stripes(size)).mask.shape == (size.height, size.width)
        grey = np.zeros((24, 36), np.uint8)
        assert segmenter.segment(grey).mask.shape == grey.shape
        with pytest.raises(SourceError, match="expected uint8"):
            segmenter.segment(np.zeros((24, 36, 3), np.float32))
        assert segmenter.segment(grey).mask.shape == grey.shape


def test_the_file_explains_itself() -> None:
    with Segmenter(INT8) as segmenter:
        assert segmenter.guesses == ()
        assert segmenter.manifest.labels == ("red", "green", "blue")
        assert segmenter.size_bytes == INT8.stat().st_size
        assert segmenter.path == INT8


def test_a_foreign_file_names_its_guesses() -> None:
    with Segmenter(FLOAT) as segmenter:
        assert len(segmenter.guesses) == 4
    said = ManifestOverrides("-1..1", ("r", "g", "b"), "rgb", "stretch")
    with Segmenter(FLOAT, overrides=said) as segmenter:
        assert segmenter.guesses == ()


def test_a_wrong_colour_order_shows() -> None:
    """The overrides really reach the network: red and blue change places."""
    frame = stripes(Size(48, 32))
    with Segmenter(FLOAT, overrides=ManifestOverrides(color="bgr")) as segmenter:
        mask = segmenter.segment(frame).mask
    assert mask[5, 5] == 2
    assert mask[5, 40] == 0


def test_an_open_input_takes_the_users_size() -> None:
    with Segmenter(OPEN, overrides=ManifestOverrides(input_size=Size(96, 64))) as segmenter:
        assert segmenter.manifest.preparation.size == Size(96, 64)
        assert (
            agreement(segmenter.segment(stripes(Size(96, 64))).mask, expected(Size(96, 64))) > 0.9
        )
    with pytest.raises(ModelError, match="--input-size"):
        Segmenter(OPEN)


def test_a_fixed_input_cannot_be_resized() -> None:
    for model in (INT8, FLOAT):
        with pytest.raises(ModelError, match="fixed at"):
            Segmenter(model, overrides=ManifestOverrides(input_size=Size(96, 64)))


def test_labels_must_match_the_classes() -> None:
    with pytest.raises(ModelError, match="names 2 classes, the model has 3"):
        Segmenter(FLOAT, overrides=ManifestOverrides(labels=("a", "b")))
    with (
        Segmenter(ARGMAX, overrides=ManifestOverrides(labels=("a", "b"))) as segmenter,
        pytest.raises(ModelError, match="class 2, but there are 2 labels"),
    ):
        segmenter.segment(stripes(Size(48, 32)))


MANIFEST = Manifest(
    labels=("a", "b", "c"),
    palette=((0, 0, 0),) * 3,
    preparation=Preparation(Size(48, 32)),
    head=Head("logits", 4),
)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (TensorSpec((1, 8, 12, 4), "int8"), "4 classes and the labels name 3"),
        (TensorSpec((8, 12, 3), "int8"), "expected scores"),
        (TensorSpec((1, 8, 12, 3), "int64"), "expected scores"),
        (TensorSpec((1, 8, 12), "int64"), "should be logits"),
        (TensorSpec((1, 4, 6, 3), "int8"), "6 cells of stride 4 do not fit an input width of 48"),
        (TensorSpec((1, 32, 48, 3), "int8"), "32 cells of stride 4 do not fit"),
    ],
)
def test_an_output_that_contradicts_the_manifest_is_refused(
    output: TensorSpec, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        check_head(MANIFEST, output)


@pytest.mark.parametrize("cells", [(8, 12), (9, 12), (16, 24)])
def test_cells_may_reach_beyond_the_input_by_a_networks_padding(cells: tuple[int, int]) -> None:
    check_head(MANIFEST, TensorSpec((1, *cells, 3), "int8"))


def cell_centres(layout: Layout, pixels: int, cells: int) -> NDArray[np.float64]:
    """Return the grid position of every pixel centre of an input row, through `grid_on`."""
    manifest = Manifest(
        labels=("a", "b"),
        palette=((0, 0, 0),) * 2,
        preparation=Preparation(Size(pixels, pixels)),
        head=Head("logits", max(1, round(pixels / cells)), layout=layout),
    )
    frame = Size(pixels, pixels)
    grid = grid_on(manifest, Size(cells, cells), frame, place(frame, manifest.preparation))
    assert grid.scale_x == grid.scale_y
    centres = np.arange(pixels, dtype=np.float64) + 0.5
    return np.add(centres * grid.scale_x, grid.offset_x - 0.5)


def test_layouts_put_cells_where_they_say() -> None:
    corners = cell_centres("corners", 513, 65)
    np.testing.assert_allclose(corners[::8], np.arange(65))
    span = cell_centres("span", 500, 63)
    np.testing.assert_allclose(span[[0, -1]], [-0.5 + 0.063, 62.5 - 0.063])
    stride = cell_centres("stride", 16, 4)
    np.testing.assert_allclose(stride[:4], [-0.375, -0.125, 0.125, 0.375])


def test_a_stride_layout_is_grid_for() -> None:
    frame = Size(91, 53)
    placement = place(frame, MANIFEST.preparation)
    assert grid_on(MANIFEST, Size(12, 8), frame, placement) == grid_for(frame, placement, 4)


def test_models_are_found_by_path_or_zoo_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locate(INT8) == INT8
    assert locate(str(INT8)) == INT8
    assert locate("nowhere.tflite") == Path("nowhere.tflite")
    with pytest.raises(ModelError, match="no model 'fcn9'"):
        locate("fcn9")
    shutil.copy(INT8, tmp_path / "fcn8")
    monkeypatch.chdir(tmp_path)
    assert locate("fcn8") == Path("fcn8")


def test_the_zoos_default_opens() -> None:
    with open_segmenter(None) as segmenter:
        assert segmenter.manifest.labels[0] == "sky"
        assert segmenter.segment(stripes(Size(64, 48))).mask.shape == (48, 64)


def test_models_that_need_conversion_say_so(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(b"PK")
    with pytest.raises(ModelError, match=f"convert it first: edgeseg convert {path}"):
        open_segmenter(str(path))


def test_wrong_options_are_named() -> None:
    with pytest.raises(ConfigError, match="no runtime is called"):
        Segmenter(INT8, runtime="onnx")


def test_a_model_nobody_here_wrote(shared_data: Path) -> None:
    """DeepLab from google-coral/test_data; pycoral's own test asks for the same share."""
    folder = shared_data / "models"
    frame = cv2.imread(str(folder / "bird_segmentation.bmp"))
    truth = cv2.imread(str(folder / "bird_segmentation_mask.bmp"), cv2.IMREAD_UNCHANGED)
    assert frame is not None
    assert truth is not None
    labels = read_labels(folder / "pascal_voc_segmentation_labels.txt")
    with Segmenter(
        folder / "deeplabv3_mnv2_dm05_pascal_quant.tflite",
        overrides=ManifestOverrides(labels=labels),
    ) as segmenter:
        result = segmenter.segment(frame)
        assert segmenter.manifest.head == Head("class_map", 1, "nearest")
        assert not any("--labels" in guess for guess in segmenter.guesses)
    assert agreement(result.mask, truth) >= 0.90


@MODELS
def test_the_pixels_of_each_class_are_counted(model: Path) -> None:
    with Segmenter(model) as segmenter:
        result = segmenter.segment(stripes(Size(333, 101)))
    if model == ARGMAX:
        assert result.counts is None
    else:
        assert result.counts is not None
        assert (result.counts == np.bincount(result.mask.ravel(), minlength=3)).all()


@MODELS
def test_a_frame_goes_into_the_networks_input_and_its_output_is_read_there(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No copy on the way: each stage gets the very memory of the interpreter."""
    frame = stripes(Size(333, 101))
    with Segmenter(model) as segmenter:
        apart = segmenter.infer(segmenter.prepare(frame)).copy()
        given: list[NDArray[np.generic]] = []
        infer, decode = segmenter.infer, segmenter.decode

        def spy_infer(tensor: NDArray[np.generic]) -> NDArray[np.generic]:
            given.append(tensor)
            assert np.shares_memory(tensor, segmenter.runtime.input_tensor())
            return infer(tensor)

        def spy_decode(output: NDArray[np.generic], *rest: Size, **more: Any) -> NDArray[np.uint8]:
            given.append(output)
            assert (output == apart).all()
            return decode(output, *rest, **more)

        monkeypatch.setattr(segmenter, "infer", spy_infer)
        monkeypatch.setattr(segmenter, "decode", spy_decode)
        for _ in range(2):
            mask = segmenter.segment(frame).mask
            assert (mask == decode(apart, Size(333, 101))).all()
        (again,) = segmenter.runtime.infer(segmenter.runtime.input_tensor())
        assert np.shares_memory(given[-1], again)
