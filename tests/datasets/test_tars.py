"""Tar archives: what `tarfile` writes is read, in every format; what a stranger might forge is refused by name."""

import gzip
import tarfile

import pytest

from bncourse.datasets.files import MissingData, WrongData
from bncourse.datasets.tars import BLOCK, LONGEST_EXTENSION, Bytes, members
from tests.datasets.packed import member, packed

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.fixture
def walked(tmp_path):
    """The members of an archive of these bytes, and their contents."""
    def walk(data):
        path = tmp_path / "a.tar"
        path.write_bytes(data)
        archive = Bytes(path)
        found = [(name, archive.read_at(offset, size)) for name, offset, size in members(archive)]
        assert path.read_bytes() == data and list(tmp_path.iterdir()) == [path]
        return found
    return walk


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_packed_is_found_whatever_the_names_and_sizes(walked, rng, form):
    lengths = [1, 99, 100] if form == "ustar" else [1, 99, 100, 101, 255, 256, 3000]
    names = ["x" * length for length in lengths] + ["./here/x.JPEG", "été/日本.JPEG", f"{'p' * 120}/{'n' * 80}"]
    files = {name: rng.bytes(int(rng.choice([0, 1, 511, 512, 513, 5000]))) for name in names}
    expected = [(name.removeprefix("./"), content) for name, content in files.items()]
    assert walked(packed(files, FORMATS[form])) == expected


def test_a_size_in_binary_and_one_in_records_are_read(walked):
    info = member("big", 10, pax_headers={"size": "10"})
    data = info.tobuf(tarfile.PAX_FORMAT) + b"0123456789" + bytes(BLOCK - 10)
    binary = bytearray(member("binary", 10).tobuf(tarfile.GNU_FORMAT))
    binary[124:136] = b"\x80" + bytes(10) + b"\x0a"
    data += signed(binary) + b"9876543210" + bytes(BLOCK - 10) + bytes(2 * BLOCK)
    assert walked(data) == [("big", b"0123456789"), ("binary", b"9876543210")]


def signed(header):
    """The header with the check sum that it should have."""
    header = bytearray(header)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def test_an_inner_archive_is_walked_in_its_place_and_one_in_that_is_refused(walked, rng):
    inner = {"x.JPEG": rng.bytes(700), "y.JPEG": rng.bytes(3)}
    found = walked(packed({"n1.tar": packed(inner), "z.JPEG": b"z"}))
    assert found == [*((f"n1.tar: {name}", content) for name, content in inner.items()), ("z.JPEG", b"z")]
    with pytest.raises(WrongData, match=r"holds n1\.tar, which holds n2\.tar; archives are read one level deep"):
        walked(packed({"n1.tar": packed({"n2.tar": packed(inner)})}))
    with pytest.raises(WrongData, match=r"\(in n1\.tar, byte 2,048\) is cut short"):
        walked(packed({"n1.tar": packed(inner)[:1536], "z.JPEG": packed(inner)}))


def test_folders_are_passed_over(walked):
    assert walked(packed({"d": member("d", type=tarfile.DIRTYPE), "d/x": b"x"})) == [("d/x", b"x")]


@pytest.mark.parametrize("kind, told", [
    (tarfile.SYMTYPE, "a symbolic link"), (tarfile.LNKTYPE, "a hard link"), (tarfile.CHRTYPE, "a device"),
    (tarfile.BLKTYPE, "a device"), (tarfile.FIFOTYPE, "a pipe"), (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    (b"Z", "of the unknown kind b'Z'"),
])
def test_what_is_no_plain_file_is_refused(walked, kind, told):
    link = member("n1/x.JPEG", type=kind, linkname="/etc/passwd")
    with pytest.raises(WrongData, match=rf"a\.tar \(byte 1,024\): n1/x\.JPEG is {told}; expected plain files"):
        walked(packed({"n1/a.JPEG": b"a", "x": link}))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.JPEG", "n1/../../x.JPEG", "n1\\..\\x", "n1/\x1b[2Jx", "a\nb"])
def test_a_name_that_leads_elsewhere_or_does_not_print_is_refused(walked, name):
    with pytest.raises(WrongData) as error:
        walked(packed({name: b"x"}))
    assert f"has a member named {name!r}; expected a plain name" in str(error.value)


def test_a_sparse_file_in_records_is_refused(walked):
    with pytest.raises(WrongData, match="the next member is a sparse file"):
        walked(packed({"x": member("x", pax_headers={"GNU.sparse.major": "1"})}))


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_giant_extended_header_is_refused_before_it_is_read(walked, kind):
    size = LONGEST_EXTENSION + 1
    with pytest.raises(WrongData, match="has a header of 65,537 bytes; expected 65,536 at most"):
        walked(member("x", size, type=kind).tobuf(tarfile.GNU_FORMAT) + bytes(size + 2 * BLOCK))


@pytest.mark.parametrize("size", [1025, 8**11 - 1, 2**80])
def test_a_size_beyond_the_archive_is_refused(walked, size):
    header = member("x.JPEG", min(size, 2**60)).tobuf(tarfile.GNU_FORMAT)
    if size > 2**60:
        header = signed(header[:124] + b"\x80" + size.to_bytes(11, "big") + header[136:])
    with pytest.raises(WrongData, match=r"is cut short: x\.JPEG should reach to byte [\d,]+, the end is at 1,536"):
        walked(header + bytes(1024))


@pytest.mark.parametrize("field", [b"\xff" * 12, b"12345678901-", b"-0000000001\0", b"            ", b"9" * 12])
def test_a_size_that_is_no_number_is_refused(walked, field):
    header = member("x").tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(WrongData, match="has a header whose size is"):
        walked(signed(header[:124] + field + header[136:]) + bytes(1024))


@pytest.mark.parametrize("records", [b"x", b"0 path=a\n", b"9 path=ab\n", b"99999 path=a\n", b"7 pathx\n"])
def test_records_that_cannot_be_read_are_refused(walked, records):
    header = member("x", len(records), type=b"x").tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(WrongData, match="has an extended header that cannot be read"):
        walked(header + records.ljust(BLOCK, b"\0") + bytes(1024))


def test_cut_anywhere_an_archive_is_refused(walked, rng):
    whole = packed({"a.JPEG": rng.bytes(600), "b" * 150: rng.bytes(10)})
    end = len(whole.rstrip(b"\0")) // BLOCK * BLOCK + BLOCK  # of the last member; one zero block more is enough
    assert len(walked(whole[:end + BLOCK])) == 2
    for cut in [0, end, *rng.integers(1, end, 60).tolist()]:
        with pytest.raises(WrongData, match=r"a\.tar.* is cut short"):
            walked(whole[:cut])


def test_a_changed_header_is_refused(walked, rng):
    whole = packed({"a.JPEG": b"a" * 512, "b.JPEG": b"b"})
    for place in rng.integers(1024, 1024 + BLOCK, 40).tolist():
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(WrongData, match=r"byte 1,024\) holds no header of a tar archive"):
            walked(bytes(changed))


def test_another_file_is_refused(walked):
    with pytest.raises(WrongData, match="holds no header of a tar archive: its check sum is wrong"):
        walked(b"no archive" * 100)
    with pytest.raises(WrongData, match=r"a\.tar is compressed \(gzip\)"):
        walked(gzip.compress(packed({"a": b"a"})))


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(MissingData, match=r"none\.tar is missing"):
        Bytes(tmp_path / "none.tar")


def test_without_pread_the_same_bytes_are_read(tmp_path, rng, monkeypatch):
    path, data = tmp_path / "x", rng.bytes(1000)
    path.write_bytes(data)
    monkeypatch.delattr("os.pread", raising=False)
    assert [Bytes(path).read_at(offset, 100) for offset in (900, 0, 17)] == [data[900:], data[:100], data[17:117]]
    with pytest.raises(WrongData, match="is cut short: bytes 950 to 1,050 are expected, and it ends at 1,000"):
        Bytes(path).read_at(950, 100)
