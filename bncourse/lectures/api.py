"""The public names of the package from their docstrings, as pages: Sphinx reads them, our pages show them.

Sphinx comes with sphinx-revealjs, so no other package is needed. A layout of ours leaves only the body of a page.
"""

import html
import importlib
import pkgutil
import re
import tempfile
from pathlib import Path

from bncourse.lectures.assets import package as installed

PACKAGES = ("kernels", "nn", "datasets", "paper", "runs", "training", "evaluation", "experiments")
SETTINGS = {"extensions": ["sphinx.ext.autodoc"], "default_role": "code", "html_theme": "basic",
            "add_module_names": False, "html_permalinks": False, "html_use_index": False, "html_domain_indices": False,
            "html_copy_source": False, "smartquotes": False,
            "autodoc_inherit_docstrings": False, "suppress_warnings": ["ref.python"]}
DIRECTIVE = """.. automodule:: {name}
   :members:
   :member-order: bysource

"""


class Unreadable(Exception):
    """A docstring that Sphinx cannot read."""


def pages(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The body of a page for each package or module of the course, by its name; HTML.

    Raises Unreadable, and assets.Missing where there is no Sphinx.
    """
    installed("sphinx")
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    with tempfile.TemporaryDirectory() as place, docutils_namespace():
        source, made, warnings = Path(place, "source"), Path(place, "made"), Path(place, "warnings").open("w+")
        source.mkdir()
        (source / "layout.html").write_text("{% block body %}{% endblock %}", encoding="utf-8")
        for package in packages:
            (source / f"{package}.rst").write_text(described(package), encoding="utf-8")
        (source / "index.rst").write_text(titled("API", "=") + ".. toctree::\n\n" + "".join(
            f"   {package}\n" for package in packages), encoding="utf-8")
        with warnings:
            settings = {**SETTINGS, "templates_path": [str(source)]}
            app = Sphinx(source, None, made, Path(place, "trees"), "html", settings, status=None, warning=warnings)
            app.connect("autodoc-process-docstring", lambda *event: as_written(event[-1]))
            app.build()
            warnings.seek(0)
            if said := warnings.read().strip():
                raise Unreadable(f"Sphinx cannot read a docstring: {re.sub('.*source/', '', said.splitlines()[0])}")
        return {package: body(made / f"{package}.html") for package in packages}


def contents(packages: tuple[str, ...] = PACKAGES) -> str:
    """The list of the pages, each with the first sentence of its package; HTML."""
    first = {name: importlib.import_module(f"bncourse.{name}").__doc__.partition("\n")[0] for name in packages}
    items = "\n".join(f'<li><a href="{name}.html"><code>bncourse.{name}</code></a> {html.escape(text)}</li>'
                      for name, text in first.items())
    return f"<h1>The package</h1><p>The public names, from their docstrings.</p><ul>{items}</ul>"


def described(package: str) -> str:
    """The source of a page in reStructuredText: the package and each of its modules under its name."""
    name = f"bncourse.{package}"
    found = importlib.import_module(name)
    parts = [titled(name, "="), DIRECTIVE.format(name=name)]
    for module in pkgutil.iter_modules(getattr(found, "__path__", []), f"{name}."):
        if not module.name.rpartition(".")[2].startswith("_"):
            parts += [titled(module.name.removeprefix(f"{name}."), "-"), DIRECTIVE.format(name=module.name)]
    return "".join(parts)


def titled(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def as_written(lines: list[str]) -> None:
    """Mark a docstring's lists, and what it indents, a table or a formula to be shown as it is; in place."""
    shown, before = [], "text"
    for line in lines:
        kind = (before if not line.strip() else "table" if line.startswith("    ") and before != "list" else
                "list" if line.startswith("- ") or (line.startswith("  ") and before == "list") else "text")
        if kind != before:
            shown += ["", "::", ""] if kind == "table" else [""]
        shown.append(line.replace("|", "\\|") if kind != "table" else line)
        before = kind
    lines[:] = shown


def body(path: Path) -> str:
    """The body that Sphinx made; a column called `type` is not what an annotation means by the word."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r'<a class="reference internal" href="[^"]*\.type"[^>]*>(.*?)</a>', r"\1", text)
