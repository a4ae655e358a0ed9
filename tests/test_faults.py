"""Files that somebody spoiled, of every kind that the course reads: taken, or refused in a sentence, never a traceback.

Each law tries many edits from a seed; those that once went wrong are among them.
"""

import json

import nbformat
import pytest

from bncourse import cli, notebooks, runs
from bncourse.datasets.imagenet import open_split
from bncourse.experiments import trainings
from bncourse.experiments.variants import TINY, VARIANTS, at_scale, to_record
from bncourse.training.checkpoint import CheckpointError
from tests.damage import checkpoint_of, deep, edited, places, spoiled
from tests.datasets.packed import SYNSETS, jpeg, packed, train_files
from tests.small import notebook


def outcomes(path, contents, read):
    """Whether each content of a file is taken (True) or refused in a sentence (False); anything else fails."""
    for content in contents:
        path.write_bytes(content)
        try:
            read(path)
        except Exception as error:
            assert cli.is_expected(error), f"{type(error).__name__}: {error} for {content[:300]!r}"
            yield False
        else:
            yield True


def spoilings(thing, rng, edits, cuts, write=lambda thing: json.dumps(thing).encode()):
    """Contents of a JSON file: so many edits of what it says, so many of its bytes, and one too deep to be read."""
    yield from (write(edited(thing, rng)) for _ in range(edits))
    yield from (spoiled(write(thing), rng) for _ in range(cuts))
    yield b"[" * 100_000


def test_a_spoiled_record_is_read_or_refused(tmp_path, rng):
    original = sorted(runs.RUNS.glob("shift/*.json"))[0]
    place = tmp_path / "shift" / original.name
    place.parent.mkdir()
    contents = spoilings(json.loads(original.read_text(encoding="utf-8")), rng, 60, 20)
    found = list(outcomes(place, contents, lambda path: runs.find("shift", tmp_path)))
    assert {True, False} == set(found)


def test_a_spoiled_notebook_is_checked_or_refused(tmp_path, rng):
    contents = spoilings(json.loads(nbformat.writes(notebook())), rng, 60, 20)
    assert {True, False} == set(outcomes(tmp_path / "a.ipynb", contents, notebooks.check))


@pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"5", b"null", b"{}", bytes(range(256)), b"[" * 100_000,
                                     b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
                                     b'{"cells": [], "metadata": {}, "nbformat": 9, "nbformat_minor": 0}'])
@pytest.mark.parametrize("what", ["check", "refresh", "jitter"])
def test_a_file_that_is_no_notebook_is_named_by_the_commands(tmp_path, capsys, content, what):
    (tmp_path / "a.txt").write_bytes(content)
    options, _ = cli.parse(["notebooks", what, str(tmp_path / "a.txt")])
    assert cli.run(options) == 1
    assert capsys.readouterr().err.startswith(f"bncourse notebooks: {tmp_path / 'a.txt'} is not a notebook: ")


def test_a_cell_that_is_not_python_and_metadata_of_another_type_are_named(tmp_path):
    spoiled_one = notebook()
    spoiled_one.cells[2].source = "def ("
    nbformat.write(spoiled_one, tmp_path / "a.ipynb")
    assert any("cell number is not Python: " in complaint for complaint in notebooks.check(tmp_path / "a.ipynb"))
    spoiled_one.cells[2].metadata["slideshow"] = 5
    nbformat.write(spoiled_one, tmp_path / "a.ipynb")
    with pytest.raises(notebooks.NotebookError, match=r"metadata\.slideshow of cell number is 5; expected dict"):
        notebooks.check(tmp_path / "a.ipynb")


@pytest.fixture
def pictures(tmp_path, rng):
    """A set with class folders for training, and a validation set whose classes a list says."""
    for name, content in (train_files(rng, 1) | {f"val/{k}.JPEG": jpeg(rng) for k in range(3)}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "val.txt").write_text("0.JPEG 0\n1.JPEG 1\n2.JPEG 2\n")
    return tmp_path


def test_a_spoiled_index_or_list_of_classes_is_read_or_refused(pictures, rng):
    def labelled(_):
        labels = open_split(pictures, "val").labels
        assert labels.min() >= 0

    index = {str(k): [synset, f"name {k}"] for k, synset in enumerate(SYNSETS)}
    path = pictures / "imagenet_class_index.json"
    assert {True, False} == set(outcomes(path, spoilings(index, rng, 50, 20), labelled))
    path.write_text(json.dumps(index))
    listed = (pictures / "val.txt").read_bytes()
    assert {True, False} == set(outcomes(pictures / "val.txt", (spoiled(listed, rng) for _ in range(30)), labelled))
    numbers = ("-1", "-0", "3", "\u00b2", "\u0663", "+1", "1.0", "1" * 5000, "01")
    contents = (listed.replace(b" 1", f" {number}".encode()) for number in numbers)
    assert list(outcomes(pictures / "val.txt", contents, labelled)) == [number in ("-0", "01") for number in numbers]


def test_a_byte_order_mark_is_no_part_of_the_first_class(pictures):
    (pictures / "classes.txt").write_text("\n".join(SYNSETS), encoding="utf-8-sig")
    assert open_split(pictures, "val").synsets == list(SYNSETS)


def test_a_spoiled_archive_is_read_or_refused(tmp_path, rng):
    archive = packed(train_files(rng, 2))

    def read(_):
        split = open_split(tmp_path, "train")
        split.fingerprint()
        split.image(0)

    contents = [spoiled(archive, rng) for _ in range(30)]
    for _ in range(30):  # a header with a field of random bytes, and the right check sum
        header = bytearray(archive[:512])
        at, length = ((0, 100), (124, 12), (156, 1), (257, 6), (345, 155))[rng.integers(5)]
        header[at:at + length] = rng.choice([0, 32, 46, 47, 48, 55, 128, 255], length).astype("uint8").tobytes()
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        contents.append(bytes(header) + archive[512:])
    assert {True, False} == set(outcomes(tmp_path / "train.tar", contents, read))


def test_a_spoiled_description_of_a_training_is_read_or_refused(tmp_path, rng):
    told = {"config": to_record(at_scale(VARIANTS["bn-x5"], TINY)), "classes": ["cat", "dog"]}
    contents = spoilings(told, rng, 80, 20)
    assert {True, False} == set(outcomes(tmp_path / "training.json", contents, trainings.read_description))


def test_the_facts_of_a_checkpoint_are_read_or_refused(tmp_path):
    for facts in (deep(100), {}, 5, "x"):
        (tmp_path / "step-000000001.ckpt").write_bytes(checkpoint_of(facts, {"model": {}}))
        (tmp_path / "training.json").write_text(json.dumps({"config": to_record(at_scale(VARIANTS["bn-x5"], TINY)),
                                                            "classes": ["cat", "dog"]}))
        with pytest.raises(CheckpointError, match="step-000000001"):
            trainings.trained(tmp_path)


def test_every_place_of_a_thing_is_edited_sooner_or_later(rng):
    thing = {"a": [1, {"b": 2}], "c": 3}
    changed = [edited(thing, rng) for _ in range(300)]
    assert thing == {"a": [1, {"b": 2}], "c": 3}
    assert len(list(places(thing))) == 5 and len({json.dumps(each) for each in changed}) > 80
