"""Sources of bytes: an archive and a folder give the same files; kept indexes that do not fit are made anew."""

import os
import tarfile

import numpy as np
import pytest

from bncourse.datasets import archives
from bncourse.datasets.archives import Archive, Folder
from bncourse.datasets.files import MissingData, WrongData
from tests.datasets.packed import packed


@pytest.fixture
def contents(rng):
    return {f"n{k}/{name}": rng.bytes(int(rng.integers(0, 2000))) for k in range(3) for name in ("a.JPEG", "b.png")}


@pytest.fixture
def archive(tmp_path, contents):
    path = tmp_path / "set" / "train.tar"
    path.parent.mkdir()
    path.write_bytes(packed(contents))
    return path


def spread(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(source):
    assert source.sizes.tolist() == [len(source.read(i)) for i in range(len(source.names))]
    return {name: source.read(i) for i, name in enumerate(source.names)}


def test_an_archive_and_a_folder_hold_the_same_files(tmp_path, archive, contents):
    assert read(Archive(archive)) == read(Folder(spread(tmp_path / "train", contents))) == contents
    assert Archive(archive).title(1) == "train.tar: n0/b.png"
    assert Folder(tmp_path / "train").title(1) == "train/n0/b.png"


def test_only_large_archives_are_remembered_and_not_beside_them(tmp_path, archive, contents, monkeypatch):
    monkeypatch.setattr(archives, "INDEXES", tmp_path / "indexes")
    assert read(Archive(archive)) == contents and not (tmp_path / "indexes").exists()
    monkeypatch.setattr(archives, "REMEMBERED", 0)
    assert read(Archive(archive)) == contents
    assert list(archive.parent.iterdir()) == [archive] and len(list((tmp_path / "indexes").iterdir())) == 1
    monkeypatch.setattr(archives, "members", None)  # nothing is walked again
    assert read(Archive(archive)) == contents


def test_an_index_of_another_archive_or_a_broken_one_is_made_anew(tmp_path, archive, contents, rng, monkeypatch):
    monkeypatch.setattr(archives, "INDEXES", tmp_path / "indexes")
    monkeypatch.setattr(archives, "REMEMBERED", 0)
    Archive(archive)
    (kept,) = (tmp_path / "indexes").iterdir()
    whole = kept.read_bytes()
    for broken in (b"", whole[:-30], whole[:50], rng.bytes(300)):
        kept.write_bytes(broken)
        assert read(Archive(archive)) == contents and kept.read_bytes() == whole
    for names, offsets, sizes in ((["x"], [0], [10**9]), (["x"], [-5], [1]), (["x", "y"], [0], [1])):
        archives.write_index(kept, names, np.array(offsets), np.array(sizes))
        assert read(Archive(archive)) == contents and kept.read_bytes() == whole
    archive.write_bytes(packed({"another": b"file"}))
    assert read(Archive(archive)) == {"another": b"file"}


def test_where_an_index_cannot_be_kept_the_archive_is_read_all_the_same(tmp_path, archive, contents, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(archives, "INDEXES", tmp_path / "file" / "indexes")
    monkeypatch.setattr(archives, "REMEMBERED", 0)
    assert read(Archive(archive)) == contents


def test_a_file_too_large_for_a_picture_is_named_and_not_read(tmp_path, archive, contents, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 10)
    for source in (Archive(archive), Folder(spread(tmp_path / "train", contents))):
        large = int(np.argmax(source.sizes))
        with pytest.raises(WrongData, match=r"n\d/\w\.\w+ has [\d,]+ bytes; expected a picture, 10 at most"):
            source.read(large)


def test_an_archive_that_became_shorter_and_a_file_that_went_are_named(tmp_path, archive, contents):
    cut, folder = Archive(archive), Folder(spread(tmp_path / "train", contents))
    os.truncate(archive, 600)
    (tmp_path / "train" / "n2" / "b.png").unlink()
    with pytest.raises(WrongData, match=r"train\.tar is cut short"):
        cut.read(5)
    with pytest.raises(WrongData, match=r"train/n2/b\.png cannot be read: No such file"):
        folder.read(5)


def test_links_in_a_folder_are_followed_and_those_that_lead_nowhere_are_named(tmp_path, contents):
    folder, elsewhere = tmp_path / "train", spread(tmp_path / "elsewhere", contents)
    folder.mkdir()
    try:
        (folder / "n0").symlink_to(elsewhere / "n0", target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege on this system")
    (folder / "n1").mkdir()
    (folder / "n1" / "x.JPEG").symlink_to(elsewhere / "n1" / "a.JPEG")
    assert read(Folder(folder)) == {"n0/a.JPEG": contents["n0/a.JPEG"], "n0/b.png": contents["n0/b.png"],
                                    "n1/x.JPEG": contents["n1/a.JPEG"]}
    (folder / "n1" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(Folder(folder).names) < 20
    (folder / "n1" / "y.JPEG").symlink_to(elsewhere / "none")
    with pytest.raises(WrongData, match=r"y\.JPEG is a link that leads nowhere, a device or a pipe"):
        Folder(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_a_pipe_in_a_folder_is_named_and_never_opened(tmp_path, contents):
    os.mkfifo(spread(tmp_path / "train", contents) / "n0" / "pipe.JPEG")
    with pytest.raises(WrongData, match=r"pipe\.JPEG is a link that leads nowhere, a device or a pipe"):
        Folder(tmp_path / "train")


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(MissingData, match=r"none is missing"):
        Folder(tmp_path / "none")


def test_the_archives_of_these_tests_are_what_tarfile_reads(archive, contents):
    with tarfile.open(archive) as opened:
        assert {info.name: opened.extractfile(info).read() for info in opened} == contents
