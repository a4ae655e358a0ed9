"""What pyproject.toml cannot say of the wheel: notebooks and data, which lie beside the package, go into it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithCourse(build_py):
    """Builds the package, and copies the course into its folder `course`, where bncourse/paths.py looks for it."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        course = Path(self.build_lib, "bncourse", "course")
        shutil.rmtree(course, ignore_errors=True)
        for file in course_files():
            (course / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, course / file)


def course_files() -> Iterator[Path]:
    """The notebooks, and all of `data` but its cache, relative to the clone."""
    yield from Path("notebooks").glob("*.ipynb")
    for folder in Path("data").iterdir():
        if folder.name != "cache":
            yield from (file for file in folder.rglob("*") if file.is_file())


setup(cmdclass={"build_py": WithCourse})
