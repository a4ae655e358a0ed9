"""Files: the right one or none, whatever the server, the disk or the user's key does."""

import hashlib
import io
import logging
import sys

import pooch
import pytest

from bncourse.datasets import files
from bncourse.datasets.files import MissingData, WrongData

BODY = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def fetch(folder, server):
    """Fetches digits/train.gz by servers that behave as named, in turn."""
    server.files["train.gz"] = BODY

    def fetch(*behaviours):
        urls = [f"{server.url}/{behaviour}/train.gz" for behaviour in behaviours]
        return files.fetch("digits/train.gz", SHA256, urls, "take other digits")

    return fetch


def left(folder):
    """The names of all files in the data folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once(folder, server, fetch):
    path = fetch("good")
    assert path == folder / "digits" / "train.gz" and path.read_bytes() == BODY
    fetch("good")
    assert server.asked == ["/good/train.gz"]
    assert left(folder) == ["train.gz"]


def test_a_file_that_lies_there_needs_no_server(folder, fetch):
    (folder / "digits").mkdir(parents=True)
    (folder / "digits" / "train.gz").write_bytes(BODY)
    assert fetch().read_bytes() == BODY


@pytest.mark.parametrize("behaviour", ["missing", "other", "cut"])
def test_the_next_server_is_tried(folder, server, fetch, behaviour):
    assert fetch(behaviour, "good").read_bytes() == BODY
    assert server.asked == [f"/{behaviour}/train.gz", "/good/train.gz"]
    assert left(folder) == ["train.gz"]


@pytest.mark.parametrize("behaviour, reason", [
    ("missing", "the server answers 404"), ("other", "what came has another checksum"),
    ("cut", "the connection broke off"),
])
def test_a_failed_download_says_what_is_missing_where_and_why_and_leaves_nothing(folder, server, fetch, behaviour,
                                                                                  reason):
    with pytest.raises(MissingData) as error:
        fetch(behaviour)
    assert str(error.value) == (
        f"train.gz is missing: it is not in {folder / 'digits'}, and it could not be downloaded "
        f"({server.url}/{behaviour}/train.gz: {reason}); put it there or let BNCOURSE_DATA name the folder "
        "that holds digits/train.gz, or take other digits")
    assert left(folder) == []


def test_without_network_the_message_says_so(folder, server, fetch):
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingData, match=r"could not be downloaded .*no connection.*; put it there"):
        fetch("good")
    assert left(folder) == []


def test_an_interrupted_download_leaves_nothing_that_looks_complete(folder, fetch, monkeypatch):
    def interrupted(self, url, output_file, pooch):
        with open(output_file, "wb") as file:
            file.write(BODY[:1000])
        raise KeyboardInterrupt
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("good")
    assert left(folder) == []


@pytest.mark.parametrize("content", [BODY[:1000], BODY[:-1] + b"x", b"", b"another file"],
                         ids=["truncated", "corrupted", "empty", "other"])
def test_a_wrong_file_is_refused_by_name_and_left_alone(folder, server, fetch, content):
    path = folder / "digits" / "train.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(WrongData) as error:
        fetch("good")
    assert str(path) in str(error.value) and f"it has {len(content):,} bytes" in str(error.value)
    assert path.read_bytes() == content and server.asked == []


def test_a_folder_that_cannot_be_made_is_the_reason(tmp_path, fetch, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path / "file"))
    with pytest.raises(MissingData, match="could not be downloaded"):
        fetch("good")


def test_the_folder_is_the_one_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path))
    assert files.folder() == tmp_path
    for unset in (lambda: monkeypatch.setenv("BNCOURSE_DATA", ""), lambda: monkeypatch.delenv("BNCOURSE_DATA")):
        unset()
        assert files.folder() == files.DATA / "cache"


def test_progress_is_shown_on_a_terminal_and_nothing_elsewhere(fetch, folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        fetch("good").unlink()
        assert ("100%" in stream.getvalue()) == shown


def test_pooch_reports_nothing_here_and_as_before_elsewhere(fetch, monkeypatch):
    logger, heard = pooch.get_logger(), io.StringIO()
    handler = logging.StreamHandler(heard)
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    try:
        fetch("missing", "good")
    finally:
        logger.removeHandler(handler)
    assert heard.getvalue() == "" and logger.level == logging.INFO
