"""Files of real data: found in their folder, or fetched once, and never used unless they are the right ones.

The folder is the one that BNCOURSE_DATA names, else data/cache. Every file is known by its SHA-256,
which is checked each time. A download goes to a temporary name and takes its own only when its
checksum is right, so what an interruption leaves never looks complete.
"""

import contextlib
import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pooch

from bncourse.paths import DATA

TIMEOUT = (5, 30)  # seconds to connect, and between two pieces
REASONS = {
    "ConnectionError": "no connection",
    "ProxyError": "the proxy does not answer",
    "SSLError": "the server's certificate is not accepted",
    "ConnectTimeout": "no answer in time",
    "ReadTimeout": "no answer in time",
    "ChunkedEncodingError": "the connection broke off",
}


class DataError(Exception):
    """Raised for data that cannot be used; the message names the file and says what to do."""


class MissingData(DataError):
    """Raised for a file that is not in its folder and cannot be downloaded."""


class WrongData(DataError):
    """Raised for a file that is truncated, corrupted, or another than it should be."""


def folder() -> Path:
    """The folder in which real data lies: the one that BNCOURSE_DATA names, else data/cache of the repository."""
    return Path(os.path.expanduser(os.environ.get("BNCOURSE_DATA") or DATA / "cache"))  # leaves an unknown ~name alone


def fetch(name: str, sha256: str, urls: Sequence[str], otherwise: str) -> Path:
    """The path of a file of real data, which is downloaded if it is not there yet, and checked each time.

    `name` is its path relative to `folder()`, and `sha256` its checksum in hexadecimal digits. The `urls` are tried in
    turn. `otherwise` says what to do without the file, for the message of an error. Raises WrongData where the file has
    another checksum, and leaves it as it is; MissingData where it is not there and no url gives it.
    """
    path = folder() / name
    if not path.exists():
        download(path, sha256, urls, otherwise)
    check(path, sha256)
    return path


def check(path: Path, sha256: str):
    """Raises WrongData unless the file at `path` has the checksum `sha256`."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise WrongData(
            f"{path} is not the file it should be: it has {path.stat().st_size:,} bytes and SHA-256 {found}, "
            f"expected {sha256}; move it away, and it will be fetched anew"
        )


def download(path: Path, sha256: str, urls: Sequence[str], otherwise: str):
    """Downloads a file to `path` from the first of the urls that gives it. Raises MissingData where none does."""
    refusals = []
    for url in urls:
        fetcher = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT, chunk_size=2**16)
        try:
            with quiet():
                pooch.retrieve(url, known_hash=sha256, fname=path.name, path=path.parent, downloader=fetcher)
            return
        except (OSError, ValueError) as error:
            refusals.append(f"{url}: {reason(error)}")
    raise MissingData(
        f"{path.name} is missing: it is not in {path.parent}, and it could not be downloaded "
        f"({'; '.join(refusals)}); put it there or let BNCOURSE_DATA name the folder that holds "
        f"{path.parent.name}/{path.name}, or {otherwise}"
    )


def reason(error: Exception) -> str:
    """A few words for why a download failed: an OSError of pooch's HTTP client, or the ValueError of a checksum."""
    if isinstance(error, ValueError):
        return "what came has another checksum"
    if getattr(error, "response", None) is not None:
        return f"the server answers {error.response.status_code}"
    return REASONS.get(type(error).__name__) or error.strerror or str(error)


@contextlib.contextmanager
def quiet():
    """A context without pooch's reports: an error tells what went wrong, and the progress bar what goes on."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
