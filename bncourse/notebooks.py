"""Notebooks as the repository keeps them: executed into one canonical form, and checked without running.

`refresh` is the only thing that writes a notebook's outputs. It leaves a hash of the code that made them, so that
`check` can say in milliseconds whether a notebook is still what its code produced.
"""

import ast
import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
import zmq
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
METADATA = {"alt": str, "bncourse": dict, "slideshow": dict}
KEPT = ("alt", "bncourse", "jupyter", "notes", "slideshow", "tags")
CELL_TIMEOUT = 300  # seconds
LONGEST_CELL = 20  # lines
LARGEST_FILE = 400_000  # bytes


class NotebookError(Exception):
    """A cell of a notebook failed: which one, and with what. Or a file is no notebook: why."""


def refresh(path: str | Path) -> None:
    """Execute a notebook in a fresh kernel, in its folder and on the synthetic data, and write it back.

    Raises NotebookError, and leaves the file as it was, if a cell fails or writes to stderr.
    """
    path = Path(path)
    notebook = run(path, {"BNCOURSE_DATASET": "glyphs"})
    for complaint in _outputs(notebook):
        raise NotebookError(f"{path.name}: {complaint}; nothing was written")
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(_text(canonical(notebook)), encoding="utf-8", newline="\n")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def run(path: str | Path, environment: Mapping[str, str] | None = None) -> NotebookNode:
    """Execute a notebook in memory, with `environment` added to this process's, and return it with its outputs.

    No learner's progress is recorded. Raises NotebookError with the id and the error of the first cell that fails.
    """
    path = Path(path)
    notebook = read(path)
    config = Config()
    if zmq.has("curve"):
        config.KernelManager.transport_encryption = "auto"  # recent kernels warn when they talk in plain text
    manager = AsyncKernelManager(kernel_name="python3", config=config)
    manager.kernel_spec.argv[0] = sys.executable
    client = NotebookClient(notebook, km=manager, timeout=CELL_TIMEOUT, record_timing=False,
                            store_widget_state=False, coalesce_streams=True, shutdown_kernel="immediate",
                            resources={"metadata": {"path": str(path.parent)}})
    env = {**os.environ, **(environment or {}), "BNCOURSE_PROGRESS": "off"}
    env.pop("MPLBACKEND", None)
    try:
        asyncio.run(client.async_execute(cleanup_kc=True, env=env))  # leaves no event loop behind
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise NotebookError(f"{path.name}: {_failure(notebook, error)}") from error
    return notebook


def check(path: str | Path) -> list[str]:
    """Complaints about a notebook as it is stored, one sentence each; an empty list if nothing is wrong.

    Raises NotebookError where the file is no notebook.
    """
    path = Path(path)
    notebook, text = read(path), path.read_text(encoding="utf-8")
    complaints = [*_order(notebook), *_outputs(notebook), *_alternatives(notebook), *_anatomy(notebook)]
    if not complaints and _text(canonical(notebook)) != text:
        complaints.append("the file is not in canonical form: refresh it")
    if len(text.encode()) > LARGEST_FILE:
        complaints.append(f"the file has {len(text.encode())} bytes; expected at most {LARGEST_FILE}")
    return complaints


def code_hash(notebook: NotebookNode) -> str:
    """A hash over the code cells in order: what the stored outputs came from."""
    digest = hashlib.sha256()
    for cell in _code(notebook):
        digest.update(cell.source.encode() + b"\0")
    return digest.hexdigest()[:16]


def canonical(notebook: NotebookNode) -> NotebookNode:
    """An executed notebook without what differs from one execution or one machine to the next."""
    cells = []
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
        cells.append(nbformat.from_dict({**cell, "metadata": kept}))
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            output.get("data", {}).pop(WIDGET, None)  # a random id, dead without its kernel
    ours = {**notebook.metadata.get("bncourse", {}), "ran": code_hash(notebook)}
    metadata = {"bncourse": ours, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    return nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def read(path: str | Path) -> NotebookNode:
    """A stored notebook, in the newest form of version 4. Raises NotebookError where the file is none, or OSError."""
    content = Path(path).read_bytes()
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
        notebook = nbformat.v4.upgrade(notebook, from_version=4, from_minor=notebook.nbformat_minor)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat has many, as it reads what it has not looked at yet
        told = str(error).partition("\n")[0][:200]
        raise NotebookError(f"{path} is not a notebook: {type(error).__name__}, {told}") from None
    _check_metadata(notebook, path)
    return notebook


def _check_metadata(notebook: NotebookNode, path: str | Path) -> None:
    """Raises NotebookError where metadata that the course reads, and nbformat does not know, has another type."""
    owners = [("the notebook", notebook.metadata), *((f"cell {cell.id}", cell.metadata) for cell in notebook.cells)]
    for owner, metadata in owners:
        for name, kind in METADATA.items():
            if not isinstance(metadata.get(name, kind()), kind):
                raise NotebookError(f"{path}: metadata.{name} of {owner} is {metadata[name]!r}; "
                                    f"expected {kind.__name__}")
        for name, value in metadata.get("slideshow", {}).items():
            if not isinstance(value, str):
                raise NotebookError(f"{path}: metadata.slideshow.{name} of {owner} is {value!r}; expected text")


def _text(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _failure(notebook: NotebookNode, error: Exception) -> str:
    for cell in _code(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                return f"cell {cell.id} failed with {output.ename}: {output.evalue}"
    return f"{type(error).__name__}: {error}"


def _order(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code(notebook)]
    if None in counts:
        yield f"cell {_code(notebook)[counts.index(None)].id} was not run: refresh the notebook"
    elif counts != list(range(1, len(counts) + 1)):
        yield "the cells were not run once, from top to bottom: refresh the notebook"
    if notebook.metadata.get("bncourse", {}).get("ran") != code_hash(notebook):
        yield "the code was edited after its outputs were made: refresh the notebook"


def _outputs(notebook: NotebookNode) -> Iterator[str]:
    for cell in _code(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {cell.id} shows an error, {output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                yield f"cell {cell.id} writes to stderr: {output.text.strip().splitlines()[-1]}"
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            if address := re.search(r"\bat 0x[0-9a-fA-F]{6,}", text):
                yield f"cell {cell.id} prints a memory address, '{address[0]}', which differs in every run"


def _alternatives(notebook: NotebookNode) -> Iterator[str]:
    """Complaints about pictures that have no text for those who do not see them."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if re.search(r"""!\[\s*\]\(|<img(?![^>]*\balt=["'][^"'])""", cell.source):
                yield f"a picture in cell {cell.id} has no alternative text"
        for output in cell.get("outputs", []):
            told = output.get("metadata", {}).get("image/png")
            described = cell.metadata.get("alt") or (isinstance(told, dict) and told.get("alt"))
            if "image/png" in output.get("data", {}) and not described:
                yield (f"the picture of cell {cell.id} has no alternative text: give the cell the metadata "
                       "'alt', or display the figure with metadata={'image/png': {'alt': ...}}")


def _anatomy(notebook: NotebookNode) -> Iterator[str]:
    """Complaints about the code of cells: its length, magics, marks for the tests, star imports, `sys.path`."""
    importing = 0
    for cell in _code(notebook):
        lines = cell.source.splitlines()
        if len(lines) > LONGEST_CELL and "solution" not in cell.metadata.get("tags", []):
            yield f"cell {cell.id} has {len(lines)} lines; expected at most {LONGEST_CELL}, unless tagged 'solution'"
        if special := next((line for line in lines if line.lstrip().startswith(("%", "!"))), None):
            yield f"cell {cell.id} has the line '{special.strip()}': only Python, no magic and no shell"
            continue
        tags = " ".join(cell.metadata.get("tags", []))
        if asked := re.search(r"NBVAL_\w+", cell.source) or re.search(r"nbval-\S+|raises-exception", tags):
            yield f"cell {cell.id} is marked {asked[0]}: every cell is compared, and none may fail"
        if "evidence" in tags.split() and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"cell {cell.id} is tagged 'evidence' and not folded: give it the metadata jupyter.source_hidden"
        try:
            nodes = list(ast.walk(ast.parse(cell.source)))
        except (SyntaxError, ValueError) as error:  # ValueError: a null byte
            yield f"cell {cell.id} is not Python: {error}"
            continue
        importing += any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes)
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
            yield f"cell {cell.id} imports with a star: name what is used"
        if any(isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path" for node in nodes):
            yield f"cell {cell.id} uses sys.path: the package is installed, import it"
    if importing != 1:
        yield f"{importing} cells import; expected exactly one"
