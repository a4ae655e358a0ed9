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
