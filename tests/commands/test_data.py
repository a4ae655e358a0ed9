"""`python3 -m bncourse data`: every set that lies there is counted, and what is not there is told how to get."""

import pytest

from bncourse import cli
from tests.datasets.packed import packed, train_files


@pytest.fixture
def data(tmp_path, monkeypatch, capsys):
    """Runs the command on an empty data folder; gives its status and what it printed and complained."""
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path))

    def run(*arguments):
        options, _ = cli.parse(["data", *arguments])
        return cli.run(options), *capsys.readouterr()
    return run


def test_without_data_it_says_how_to_get_it(data, tmp_path):
    status, out, err = data()
    assert status == 0 and err == ""
    assert "imagenet not there; how to get it: python3 -m bncourse data imagenet" in out.splitlines()
    assert "scenes   made from a seed, always there; 16 classes" in out.splitlines()
    status, out, err = data("imagenet")
    assert status == 1 and out == ""
    assert "https://image-net.org/download-images" in err and str(tmp_path / "imagenet") in err
    assert "without an account" in err and "ILSVRC2012_img_train.tar" in err and "LOC_val_solution.csv" in err


def test_what_is_there_is_counted_and_what_is_broken_is_named(data, tmp_path, rng):
    for name in ("imagenet", "pets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.tar").write_bytes(packed(train_files(rng)))
    (tmp_path / "pets" / "val.tar").write_bytes(b"no archive" * 100)
    status, out, err = data()
    assert status == 0 and err == "" and "not there; how to get it" not in out
    assert "imagenet train 12 images, 3 classes" in out.splitlines()
    (pets,) = (line for line in out.splitlines() if line.startswith("pets"))
    assert pets.startswith("pets     train 12 images, 3 classes; val cannot be used: ") and "val.tar" in pets
    status, out, err = data("imagenet")
    assert status == 0 and out == ("imagenet train: 12 images, 3 classes; the first is "
                                   "train.tar: train/n01440764/n01440764_0.JPEG\n")
    assert data("pets")[0] == 1


def test_a_name_without_pictures_is_refused_and_what_a_seed_makes_is_there(data, tmp_path):
    status, _, err = data("nothing")
    assert status == 1 and err.startswith(f"bncourse data: {tmp_path / 'nothing'} holds no pictures; expected train")
    assert data("glyphs")[:2] == (0, "glyphs: made from a seed, always there\n")
    assert "cool striped cross" in data("scenes")[1]
