"""`edgeseg eval` as typed: tables, JSON, a page; one line where data or models are wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeseg import zoo
from edgeseg.cli import main

DATA = Path(__file__).parent / "data"
INT8 = str(DATA / "tiny-int8.tflite")  # strongest colour: 0 red, 1 green, 2 blue
FLOAT = str(DATA / "tiny-float32.tflite")  # the same, without a manifest
VOID = 9
COLORS = np.array([(0, 0, 255), (0, 255, 0), (255, 0, 0)], np.uint8)  # BGR


def draw(folder: Path, count: int, split: str = "val", seed: int = 0) -> None:
    """Write images of blocks of colour, with masks that call a corner void."""
    random = np.random.default_rng(seed)
    for name in (split, f"{split}annot"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        mask = np.kron(random.integers(0, 3, (2, 3)), np.ones((32, 32), int)).astype(np.uint8)
        cv2.imwrite(str(folder / split / f"{number:02}.png"), COLORS[mask])
        mask[:8, :12] = VOID
        cv2.imwrite(str(folder / f"{split}annot" / f"{number:02}.png"), mask)


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    draw(tmp_path / "data", 4)
    return tmp_path / "data"


def told(capsys: pytest.CaptureFixture[str], data: Path, *more: str) -> dict[str, Any]:
    """Run with --json and return what it printed."""
    assert main(["eval", *more, "--data", str(data), "--ignore", str(VOID), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["eval", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = [text for text in said.err.splitlines() if text.startswith("edgeseg: error:")]
    return line


@pytest.mark.parametrize("part", ["2t", "litert"])
def test_threads_and_runtime_are_no_part_of_a_model_here(
    part: str, colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, f"fcn8:{part}", "--data", str(colors))
    assert "give them as --threads N and --runtime NAME" in line


def test_one_model_shows_its_classes(
    colors: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["eval", INT8, "--data", str(colors), "--ignore", str(VOID)]) == 0
    said = capsys.readouterr()
    assert re.search(r"^tiny-int8\.tflite +0\.\d{3} \(0\.\d\d-[01]\.\d\d\)", said.out, re.M)
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith(("r", "g", "b"))][
        -3:
    ] == ["red", "green", "blue"]
    assert f"{colors / 'val'}, 4 images" in said.out
    assert said.err == ""


def test_json_says_everything(colors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, colors, INT8, "--threads", "1")
    (model,) = found["models"]
    assert found["labels"] == ["red", "green", "blue"]
    assert (found["void"], found["left_out"], found["against"]) == (VOID, [], None)
    assert model["images"] == len(model["by_image"]) == 4
    assert model["pixels"] == np.sum(model["confusion"]) == 4 * (64 * 96 - 8 * 12)
    assert 0.8 < model["miou"] < model["pixel_accuracy"] < 1
    low, high = model["miou_interval"]
    assert low <= model["miou"] <= high
    assert set(model["iou"]) == set(model["boundary_f_by_class"]) == {"red", "green", "blue"}
    assert found["measured"]["threads"] == "1"
    assert found["measured"]["command"].startswith(f"edgeseg eval {INT8} --threads 1 ")
    assert "0.75% of the diagonal" in found["measured"]["boundary F"]


def test_several_models_share_a_table_and_are_compared(
    colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, colors, INT8, FLOAT, "--against", FLOAT)
    first, second = found["models"]
    assert (first["name"], second["name"]) == ("tiny-int8.tflite", "tiny-float32.tflite")
    assert second["agreement"]["share"] == 1
    assert second["agreement"]["miou_change_interval"] == [0, 0]
    agreement = first["agreement"]
    assert 0.9 < agreement["worst"] <= agreement["share"] <= 1
    assert agreement["worst"] == min(agreement["by_image"])
    change = first["miou"] - found["against"]["miou"]
    assert agreement["miou_change"] == pytest.approx(change, abs=2e-4)

    assert main(["eval", INT8, FLOAT, "--data", str(colors), "--ignore", str(VOID)]) == 0
    said = capsys.readouterr()
    assert re.search(r"^IoU +tiny-int8\.tflite +tiny-float32\.tflite", said.out, re.M)
    assert "tiny-float32.tflite: guessed: the 3 classes have no names" in said.err


def test_val_goes_before_train_unless_told(
    colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(colors, 2, "train", seed=1)
    assert told(capsys, colors, INT8)["measured"]["data"] == f"{colors / 'val'}, 4 images"
    train = told(capsys, colors, INT8, "--split", "train")
    assert train["measured"]["data"] == f"{colors / 'train'}, 2 images"
    message = refusal(capsys, INT8, "--data", str(colors), "--split", "test")
    assert "has no test/ beside testannot/; it has train, val" in message


def test_a_limit_is_spread_evenly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path, 9)
    found = told(capsys, tmp_path, INT8, "--limit", "3")
    names = [Path(image["image"]).name for image in found["models"][0]["by_image"]]
    assert names == ["01.png", "04.png", "07.png"]
    assert "spread evenly over 9" in found["measured"]["data"]


def test_images_beside_masks_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path, 2, "images")
    (tmp_path / "imagesannot").rename(tmp_path / "masks")
    assert told(capsys, tmp_path, INT8)["models"][0]["images"] == 2


def test_masks_of_another_size_are_met_at_their_size(
    colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (colors / "valannot").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.kron(mask, np.ones((2, 2), np.uint8)))
    found = told(capsys, colors, INT8)
    assert "masks 192x128, images 96x64" in found["measured"]["resolution"]
    assert found["models"][0]["pixels"] == 4 * 4 * (64 * 96 - 8 * 12)
    assert found["models"][0]["miou"] > 0.8


def test_a_mask_of_another_shape_is_named(colors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(colors / "valannot" / "02.png"), np.zeros((96, 96), np.uint8))
    message = refusal(capsys, INT8, "--data", str(colors), "--ignore", str(VOID))
    assert "1 of 4 pairs" in message
    assert f"{colors / 'valannot' / '02.png'} is 96x96, its image 96x64" in message


def spoil(data: Path) -> None:
    """Make one mask unknown, one coloured and one image broken; take a mask and an image away."""
    masks, images = data / "valannot", data / "val"
    cv2.imwrite(str(masks / "00.png"), np.full((64, 96), 77, np.uint8))
    cv2.imwrite(str(masks / "01.png"), np.zeros((64, 96, 3), np.uint8))
    (images / "02.png").write_bytes((images / "02.png").read_bytes()[:60])
    (masks / "03.png").unlink()
    (images / "04.png").unlink()


def test_bad_files_are_all_named_and_skipped_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path, 7)
    spoil(tmp_path)
    data = ("--data", str(tmp_path), "--ignore", str(VOID))
    message = refusal(capsys, INT8, *data)
    for name in ("00.png", "01.png", "02.png", "03.png", "04.png"):
        assert name in message
    assert "values 77" in message
    assert "the model has 3 classes (red to blue), void is 9 (--ignore)" in message
    assert "--skip-bad leaves them out" in message

    found = told(capsys, tmp_path, INT8, "--skip-bad")
    assert (found["models"][0]["images"], len(found["left_out"])) == (2, 5)
    assert main(["eval", INT8, *data, "--skip-bad"]) == 0
    assert "5 of 7 pairs left out" in capsys.readouterr().out


def test_a_model_of_other_classes_is_refused(
    colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "two.txt"
    names.write_text("warm\ncold\n")
    data = ("--data", str(colors), "--ignore", str(VOID))
    assert "names 2 classes, the model has 3" in refusal(
        capsys, INT8, *data, "--labels", str(names)
    )
    assert "fcn8 11 classes" in refusal(capsys, INT8, "fcn8", *data)
    assert "expected 0 to 2" in refusal(capsys, INT8, "--data", str(colors))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("missing.tflite", "no model file missing.tflite"),
        ("missing.keras", "there is no model 'missing.keras'"),
        ("fcn9", "'fcn9' is not a model of the zoo"),
        ("fcn8:int9", "'int9' is not a known part"),
    ],
)
def test_unknown_models_are_one_line(
    colors: Path, capsys: pytest.CaptureFixture[str], model: str, message: str
) -> None:
    assert message in refusal(capsys, model, "--data", str(colors))


def test_a_report_that_cannot_be_written_is_said_first(
    colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(colors / "none" / "report.html")
    message = refusal(capsys, "missing.tflite", "--data", str(colors), "--report", target)
    assert "cannot write" in message


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.titles: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.sources.append(value or "")
            if name == "title":
                self.titles.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_shows_tables_matrix_and_the_worst_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path, 12)
    worst = tmp_path / "val" / "05.png"
    cv2.imwrite(str(worst), 255 - cv2.imread(str(worst)))
    target = tmp_path / "report.html"
    data = ("--data", str(tmp_path), "--ignore", str(VOID))
    assert main(["eval", INT8, "--against", FLOAT, *data, "--report", str(target)]) == 0
    assert f"wrote {target}" in capsys.readouterr().out
    page = Page(target.read_text(encoding="utf-8"))
    # Ten images of five pictures: image, truth, prediction, difference, and against the other.
    assert page.tags.count("img") == 50
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "script" not in page.tags
    assert len(page.titles) == 9  # a cell of the confusion matrix each
    assert re.match(r"red as red: [\d,]+ of [\d,]+ pixels", page.titles[0])
    assert page.text.index("1. 05.png") < page.text.index("2. ")
    for part in (
        "Confusion matrix",
        "boundary F",
        "tiny-float32.tflite",
        "edgeseg eval",
        "stride 4",
    ):
        assert part in page.text


def test_a_tflite_file_is_evaluated_without_tensorflow(colors: Path) -> None:
    arguments = ["eval", INT8, "--data", str(colors), "--ignore", str(VOID)]
    code = (
        "import sys; from edgeseg.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        "print(*{'tensorflow', 'keras', 'jinja2', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.convert
def test_a_keras_model_from_elsewhere_is_evaluated_with_labels(
    colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0] = np.eye(3)
    model = keras.Sequential([keras.Input((64, 96, 3)), keras.layers.Conv2D(3, 1)])
    model.layers[0].set_weights([kernel, np.zeros(3, np.float32)])
    model.save(tmp_path / "own.keras")
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    own = str(tmp_path / "own.keras")
    more = ("--labels", str(tmp_path / "names.txt"), "--normalize", "0..1")
    found = told(capsys, colors, own, *more, "--against", INT8)
    (exact,) = found["models"]
    assert exact["miou"] == exact["pixel_accuracy"] == exact["boundary_f"] == 1
    assert exact["model"]["runs on"].startswith("tensorflow ")
    assert exact["notes"] == ["guessed: frames are stretched to 96x64 (--resize letterbox)"]
    assert exact["agreement"]["share"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo_on_camvid_val_reads_what_its_card_says(
    name: str, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["eval", name, "--data", str(shared_data / "camvid"), "--split", "val", "--json"]
    assert main(arguments) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    card = re.search(r"\| mIoU \| [\d.]+ \| ([\d.]+) \|", zoo.card_text(name))
    assert card is not None
    # Other kernels round differently on a percent of the pixels.
    assert model["miou"] == pytest.approx(float(card[1]), abs=0.005)
    assert model["images"] == 101
    assert model["absent"] == []
