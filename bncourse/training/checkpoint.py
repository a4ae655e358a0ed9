"""A checkpoint: all of a training, in a file that is written whole, checked when read, and never unpickled.

The file is text for three lines: what it is; the SHA-256 of all that follows; the facts, as JSON. After them come
the tensors, as `torch.save` writes them, which are read back with `weights_only=True`: a file from a stranger can
hold numbers and nothing that runs. A folder keeps the last two.

    head -n 3 folder/step-000001000.ckpt
    facts, state = load("folder/step-000001000.ckpt");  model.load_state_dict(state["model"])
"""

import hashlib
import io
import json
import os
import pickle
from pathlib import Path

import torch

FIRST_LINE = b"bncourse checkpoint 1"
KEPT = 2


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, and says what is wrong with it."""


class DamagedCheckpoint(CheckpointError):
    """A file that is not the whole checkpoint that was written, or that was never one."""


def path_of(folder: str | os.PathLike, step: int) -> Path:
    """The path in a folder of the checkpoint that is written after `step` steps."""
    return Path(folder) / f"step-{step:09d}.ckpt"


def save(folder: str | os.PathLike, step: int, facts: dict, state: dict) -> Path:
    """Writes a checkpoint into a folder, removes all but the last two, and returns the new one's path.

    `step` is the number of steps taken, which names the file. `facts` is a dictionary that JSON can hold, and `state` a
    dictionary of tensors and plain values, such as a `state_dict`. The old files stay until the new one is safe on the
    disk under a temporary name, so that there is a whole checkpoint whenever the computer stops. Raises OSError.
    """
    path = path_of(folder, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        file.write(to_bytes(facts, state))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    settle(path.parent)
    for old in found(folder)[:-KEPT]:
        old.unlink()
    for left in path.parent.glob("step-*.ckpt.part"):  # by a process that was killed
        left.unlink()
    return path


def settle(folder: Path) -> None:
    """Makes sure that a file's new name in the folder outlasts a power cut, on systems that can."""
    if os.name == "posix":
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def found(folder: str | os.PathLike) -> list[Path]:
    """The paths of a folder's checkpoints, oldest first; an empty list where there is none, or no folder."""
    return sorted(Path(folder).glob("step-*.ckpt"))


def newest(folder: str | os.PathLike, fall_back: bool = False) -> Path | None:
    """The path of a folder's newest checkpoint, after a look at whether it is whole; None where there is none.

    With `fall_back`, damaged checkpoints are passed over. Raises DamagedCheckpoint where the newest is damaged, or with
    `fall_back` all of them; the message names the checkpoint before it, which could be used instead.
    """
    paths = found(folder)[::-1]
    for path, before in zip(paths, [*paths[1:], None], strict=False):
        try:
            load(path)
            return path
        except DamagedCheckpoint as error:
            if before is None or not fall_back:
                instead = f"; remove it, and {before.name} before it is used instead" if before else ""
                raise DamagedCheckpoint(f"{error}{instead}") from None
    return None


def set_aside_damaged(folder: str | os.PathLike) -> list[Path]:
    """Renames the damaged checkpoints that are newer than the newest whole one, and returns their new paths.

    They end in ".damaged" and count no more. Where no checkpoint is whole, nothing is renamed. Raises OSError.
    """
    damaged = []
    for path in found(folder)[::-1]:
        try:
            load(path)
        except DamagedCheckpoint:
            damaged.append(path)
        else:
            return [each.replace(each.with_name(each.name + ".damaged")) for each in damaged]
    return []


def load(path: str | os.PathLike) -> tuple[dict, dict]:
    """The facts and the state that `save` wrote into the file at `path`; tensors are on the CPU.

    Raises DamagedCheckpoint where the file is not what `save` wrote, and OSError where it cannot be read.
    """
    return from_bytes(Path(path).read_bytes(), str(path))


def to_bytes(facts: dict, state: dict) -> bytes:
    """The content of a checkpoint's file: a first line, the SHA-256 of the rest, the facts as JSON, the tensors."""
    tensors = io.BytesIO()
    torch.save(state, tensors)
    body = json.dumps(facts).encode() + b"\n" + tensors.getvalue()
    return FIRST_LINE + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def from_bytes(content: bytes, name: str) -> tuple[dict, dict]:
    """The facts and the state in the content of a checkpoint's file, which messages call `name`.

    Raises DamagedCheckpoint. Nothing of the content is run: a pickle of more than tensors and plain values is refused.
    """
    first, _, rest = content.partition(b"\n")
    if first != FIRST_LINE:
        raise DamagedCheckpoint(f"{name} begins with {content[:24]!r}; expected {FIRST_LINE.decode()!r}. It is not a "
                                "checkpoint of this course, and is not opened, as a pickle could run a program")
    digest, _, body = rest.partition(b"\n")
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise DamagedCheckpoint(f"{name} has {len(content):,} bytes, whose SHA-256 is not the one in its second line: "
                                "it was cut short or changed after it was written")
    facts, _, tensors = body.partition(b"\n")
    if not tensors.startswith(b"PK"):
        raise DamagedCheckpoint(f"{name} holds {tensors[:8]!r} after its facts; expected the archive that `torch.save` "
                                "writes. It is not opened, as a pickle could run a program")
    try:
        found = json.loads(facts), torch.load(io.BytesIO(tensors), map_location="cpu", weights_only=True)
        if not all(isinstance(each, dict) for each in found):
            raise ValueError("its facts or its tensors have no names")
        return found
    except pickle.UnpicklingError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line), str(error))
        raise DamagedCheckpoint(f"{name} holds a pickle of more than tensors and plain values, and is not "
                                f"opened, as it could run a program: {reason}") from None
    except (ValueError, RuntimeError, EOFError) as error:
        raise DamagedCheckpoint(f"{name} is whole, but not as `save` writes: {error}") from None
