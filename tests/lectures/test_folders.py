"""A folder of results is written whole or not at all, and never over something else."""

import pytest

from bncourse.lectures.folders import Refused, whole_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_result_takes_its_place_whole_and_leaves_no_draft(tmp_path):
    with whole_folder(tmp_path / "deep" / "out", "slides") as draft:
        (draft / "a.html").write_text("a")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == [".bncourse", "a.html"]


def test_an_earlier_result_is_replaced_and_not_added_to(tmp_path):
    for name in ("old", "new"):
        with whole_folder(tmp_path / "out", "slides") as draft:
            (draft / name).write_text(name)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == [".bncourse", "new"]


def test_an_earlier_result_is_added_to_where_that_is_wanted(tmp_path):
    for name in ("old", "new", "new"):
        with whole_folder(tmp_path / "out", "slides", keep=True) as draft:
            (draft / name).write_text(name)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == [".bncourse", "new", "old"]


def test_a_failure_leaves_the_earlier_result_as_it_was(tmp_path):
    with whole_folder(tmp_path / "out", "slides") as draft:
        (draft / "old").write_text("old")
    with pytest.raises(OSError, match="disk"), whole_folder(tmp_path / "out", "slides"):
        raise OSError("disk full")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == [".bncourse", "old"]


@pytest.mark.parametrize("stranger", ["folder", "file", "another result"])
def test_what_was_made_by_something_else_is_refused_and_left(tmp_path, stranger):
    place = tmp_path / "out"
    if stranger == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / ("mine" if stranger == "folder" else ".bncourse")).write_text("student")
    with pytest.raises(Refused, match=r"was not made by `bncourse slides`.*--to"), whole_folder(place, "slides"):
        pytest.fail("the block was entered")
    assert names(tmp_path) == ["out"]


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out", "site") as draft:
        (draft / "a").touch()
    assert names(tmp_path / "out") == [".bncourse", "a"]


def made(place, what="student", **content):
    """Makes a result of these files, by their names without a suffix."""
    with whole_folder(place, what) as draft:
        for name, text in content.items():
            (draft / f"{name}.ipynb").write_text(text)


def test_files_of_ones_own_stay_and_are_not_taken_for_made(tmp_path):
    place = tmp_path / "out"
    made(place, a="1", b="2")
    (place / "notes").mkdir()
    (place / "notes" / "mine.txt").write_text("mine")
    for _ in range(2):
        made(place, a="3")
        assert names(place) == [".bncourse", "a.ipynb", "notes"] and names(tmp_path) == ["out"]
        assert (place / "notes" / "mine.txt").read_text() == "mine" and (place / "a.ipynb").read_text() == "3"


def test_a_made_file_that_was_changed_is_not_written_over(tmp_path):
    place = tmp_path / "out"
    made(place, a="1")
    (place / "a.ipynb").write_text("graded")
    with pytest.raises(Refused, match=r"a\.ipynb was changed after it was made.*--to"):
        made(place, a="2")
    assert (place / "a.ipynb").read_text() == "graded" and names(tmp_path) == ["out"]


def test_a_file_of_ones_own_is_not_written_over_by_a_new_one_of_its_name(tmp_path):
    place = tmp_path / "out"
    made(place, a="1")
    (place / "b.ipynb").write_text("mine")
    with pytest.raises(Refused, match=r"b\.ipynb was not made here, and would be written over"):
        made(place, a="1", b="2")
    assert (place / "b.ipynb").read_text() == "mine" and (place / "a.ipynb").read_text() == "1"


def test_a_result_that_does_not_name_its_files_is_replaced(tmp_path):
    (tmp_path / ".bncourse").write_text("student\n")
    (tmp_path / "a.ipynb").write_text("old")
    made(tmp_path, b="new")
    assert names(tmp_path) == [".bncourse", "b.ipynb"]


def test_a_result_that_was_moved_out_of_the_way_by_a_command_that_was_killed_comes_back(tmp_path):
    place = tmp_path / "out"
    made(place, a="1")
    place.rename(tmp_path / ".out-abcd1234-old")
    with pytest.raises(OSError, match="disk"), whole_folder(place, "student"):
        raise OSError("disk full")
    assert names(tmp_path) == ["out"] and (place / "a.ipynb").read_text() == "1"
