"""MNIST: every field of the header is checked, and the real digits are the real digits."""

import gzip
import hashlib

import numpy as np
import pytest

from bncourse.datasets import mnist
from bncourse.datasets.files import MissingData, WrongData


def idx(values, zeros=b"\0\0", kind=8, dimensions=None, shape=None):
    """An IDX file of these bytes, with a header that tells the truth unless told otherwise."""
    shape = values.shape if shape is None else shape
    header = zeros + bytes([kind, values.ndim if dimensions is None else dimensions])
    return header + b"".join(size.to_bytes(4, "big") for size in shape) + values.tobytes()


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (6, 28, 28), dtype=np.uint8)


@pytest.fixture
def labels(rng):
    return rng.integers(0, 10, 6, dtype=np.uint8)


def read(folder, content, shape=(6, 28, 28)):
    path = folder / "images.gz"
    path.write_bytes(content)
    return mnist.read_idx(path, shape)


def test_what_was_written_is_read(tmp_path, images):
    found = read(tmp_path, gzip.compress(idx(images)))
    np.testing.assert_array_equal(found, images)
    assert found.dtype == np.uint8 and found.flags.writeable


@pytest.mark.parametrize("wrong, complaint", [
    ({"zeros": b"\x1f\x8b"}, "begins with the bytes 1f 8b; expected 00 00"),
    ({"kind": 0x0D}, r"says that it holds 32-bit floats \(0x0d\); expected unsigned bytes"),
    ({"kind": 0x42}, r"says that it holds an unknown type \(0x42\)"),
    ({"dimensions": 1}, "says that it has 1 dimensions; expected 3"),
    ({"shape": (7, 28, 28)}, r"says that its shape is \(7, 28, 28\); expected \(6, 28, 28\)"),
    ({"shape": (6, 32, 28)}, r"says that its shape is \(6, 32, 28\)"),
    ({"shape": (6 << 24, 28, 28)}, "says that its shape is"),
])
def test_each_wrong_field_of_the_header_is_named(tmp_path, images, wrong, complaint):
    with pytest.raises(WrongData, match=rf"images\.gz {complaint}"):
        read(tmp_path, gzip.compress(idx(images, **wrong)))


@pytest.mark.parametrize("values", [4703, 4705])
def test_a_wrong_number_of_values_is_refused(tmp_path, images, values):
    content = idx(np.resize(images, values), dimensions=3, shape=(6, 28, 28))
    with pytest.raises(WrongData, match=f"has {values:,} values after its header; expected 4,704"):
        read(tmp_path, gzip.compress(content))


def test_a_header_that_is_cut_off_is_refused(tmp_path, images):
    with pytest.raises(WrongData, match="has 15 bytes; expected a header of 16"):
        read(tmp_path, gzip.compress(idx(images)[:15]))


@pytest.mark.parametrize("spoil", [
    lambda packed: packed[:-20], lambda packed: packed[:5], lambda packed: b"", lambda packed: b"plain" + packed,
    lambda packed: packed[:10] + b"\xff" + packed[11:],
    lambda packed: packed[:200] + bytes([packed[200] ^ 255]) + packed[201:],
    lambda packed: packed[:-6] + bytes([packed[-6] ^ 255]) + packed[-5:],
], ids=["truncated", "header only", "empty", "not gzip", "invalid block", "corrupted", "wrong check sum"])
def test_a_spoiled_archive_is_refused_by_name(tmp_path, images, spoil):
    with pytest.raises(WrongData, match=r"images\.gz"):
        read(tmp_path, spoil(gzip.compress(idx(images))))


@pytest.fixture
def published(server, folder, images, labels, monkeypatch):
    """Six digits, published in the place of MNIST's test set by the second of two mirrors."""
    def publish(labels):
        names = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
        server.files |= {name: gzip.compress(idx(values), mtime=0)
                         for name, values in zip(names, (images, labels), strict=True)}
        monkeypatch.setattr(mnist, "SHA256", {name: hashlib.sha256(body).hexdigest()
                                              for name, body in server.files.items()})

    monkeypatch.setattr(mnist, "SPLITS", {"test": ("t10k", 6)})
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.url}/missing/", f"{server.url}/good/"))
    publish(labels)
    return publish


def test_digits_are_fetched_from_the_mirror_that_has_them_and_kept(published, server, images, labels):
    assert not mnist.available()
    found = mnist.load("test")
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)
    assert found[1].dtype == np.int64
    assert mnist.available()
    server.asked.clear()
    mnist.load("test")
    assert server.asked == []


def test_a_label_beyond_nine_is_refused(published, labels):
    labels[3] = 10
    published(labels)
    with pytest.raises(WrongData, match=r"t10k-labels-idx1-ubyte\.gz holds the label 10; expected 0 to 9"):
        mnist.load("test")


def test_without_files_and_network_the_ways_on_are_named(folder, server, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.url}/missing/",))
    with pytest.raises(MissingData, match=r"train-images-idx3-ubyte\.gz is missing.*BNCOURSE_DATASET=glyphs"):
        mnist.load()


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="split is 'validation'; expected 'train' or 'test'"):
        mnist.load("validation")


# The real files, where they are.

real = pytest.mark.skipif(not mnist.available(), reason="MNIST is not in the data folder (BNCOURSE_DATA)")


@real
@pytest.mark.parametrize("split, counts", [
    ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
    ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
])
def test_mnist_has_its_digits(split, counts):
    images, labels = mnist.load(split)
    assert images.shape == (sum(counts), 28, 28) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == counts


@real
def test_mnist_is_what_everyone_calls_mnist():
    images, labels = mnist.load()
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert round(float(images.mean() / 255), 4) == 0.1307
