"""The command line: misuse is status 2, a failure is one sentence and status 1, a defect keeps its traceback."""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import pytest

from bncourse import bootstrap, cli, datasets, notebooks, readme, runs
from bncourse.datasets import files, mnist
from bncourse.paths import ROOT


def run(*arguments):
    options, _ = cli.parse(list(arguments))
    return cli.run(options)


def test_the_help_fits_a_screen(capsys):
    with pytest.raises(SystemExit):
        cli.parse(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert all(any(command in line for line in lines) for command in ("start", "test", "data", "runs", "notebooks"))


@pytest.mark.parametrize("arguments", [["data", "mnist", "imagenet"], ["data", "--fast"],
                                       ["notebooks"], ["notebooks", "run"],
                                       ["start", "--port", "x"], ["start", "--port", "65536"]])
def test_misuse_is_status_2_with_the_word_that_was_not_understood(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.parse(arguments)
    assert end.value.code == 2
    assert (arguments[-1] if len(arguments) > 1 else "what") in capsys.readouterr().err


@pytest.mark.parametrize("called, name", [("/usr/bin/bncourse", "bncourse"), ("C:/bncourse.exe", "bncourse"),
                                          ("/site/bncourse/__main__.py", "python3 -m bncourse")])
def test_help_names_the_program_as_it_was_called_and_its_version(called, name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [called])
    for arguments, told in ((["--help"], f"usage: {name} "), (["data", "--help"], f"usage: {name} data "),
                            (["--version"], "bncourse 0.")):
        with pytest.raises(SystemExit) as end:
            cli.parse(arguments)
        assert end.value.code == 0 and capsys.readouterr().out.startswith(told)


def test_without_a_clone_a_package_that_is_lacking_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "check", raising(ModuleNotFoundError("No module named 'x'", name="matplotlib")))
    with pytest.raises(ModuleNotFoundError):
        run("notebooks", "check", "a.ipynb")
    monkeypatch.setattr(cli, "INSTALLED", True)
    assert run("notebooks", "check", "a.ipynb") == 1
    assert "the package matplotlib is not installed" in capsys.readouterr().err
    monkeypatch.setattr(notebooks, "check", raising(ModuleNotFoundError("No module named 'x'", name="bncourse.x")))
    with pytest.raises(ModuleNotFoundError):
        run("notebooks", "check", "a.ipynb")


def test_what_is_meant_for_pytest_or_jupyter_is_left_over_in_order():
    meant = ["-k", "a b", "tests/kernels", "-x", "--lf"]
    assert cli.parse(["test", *meant])[1] == meant
    assert cli.parse(["start", "--LabApp.x=1", "--port", "9000"])[1] == ["--LabApp.x=1"]


def test_data_says_where_it_looks_and_what_is_there(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path))
    assert run("data") == 0
    told = capsys.readouterr().out
    assert str(tmp_path) in told and "not there" in told and f"chosen   {datasets.chosen()}" in told
    (tmp_path / "mnist").mkdir()
    for name in mnist.SHA256:
        (tmp_path / "mnist" / name).touch()
    assert run("data") == 0
    assert "mnist    there" in capsys.readouterr().out


def test_data_that_cannot_be_fetched_is_one_sentence_and_status_1(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path))
    monkeypatch.setattr(files.pooch, "retrieve", refuse)
    assert run("data", "mnist") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("bncourse data: train-images") and err.count("\n") == 1


def refuse(*_, **__):
    raise OSError("no network")


def test_runs_are_listed_by_experiment_and_variant(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    record = runs.provenance(command="python -m x", seed=3, data="glyphs", sha256="0" * 64, seconds=1.5)
    for experiment, variant in (("one", "b"), ("one", "a"), ("two", "c")):
        runs.Run(experiment, variant, {}, record, {"step": [1]}).save(tmp_path)
    monkeypatch.setattr(runs, "find", lambda experiment, folder=tmp_path, find=runs.find: find(experiment, folder))
    assert run("runs") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["one/a", "one/b", "two/c"]
    assert run("runs", "list", "two") == 0
    told = capsys.readouterr().out.split()
    assert told[:6] == ["two/c", "glyphs", "seed", "3", "1.5", "s"]


def test_no_runs_is_said(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    assert run("runs") == 0
    assert "No runs are recorded" in capsys.readouterr().out


def test_notebooks_are_all_of_the_course_unless_named_and_then_the_readme(monkeypatch):
    refreshed = []
    monkeypatch.setattr(notebooks, "refresh", refreshed.append)
    monkeypatch.setattr(readme, "refresh", lambda: refreshed.append("the README"))
    assert run("notebooks", "refresh") == 0
    assert refreshed == [*sorted((ROOT / "notebooks").glob("*.ipynb")), "the README"]
    refreshed.clear()
    assert run("notebooks", "refresh", "a.ipynb", "b.ipynb") == 0
    assert list(map(str, refreshed)) == ["a.ipynb", "b.ipynb", "the README"]


@pytest.mark.parametrize("notebook, map_, status, told", [
    ([], [], 0, "1 notebook(s) are as their code made them\n"),
    (["cell 3 was not run"], [], 1, "a.ipynb: cell 3 was not run\n"),
    ([], ["the map is stale"], 1, "the map is stale\n"),
])
def test_what_is_stale_is_told_and_status_1(monkeypatch, capsys, notebook, map_, status, told):
    monkeypatch.setattr(notebooks, "check", lambda path: notebook)
    monkeypatch.setattr(readme, "stale", lambda: map_)
    assert run("notebooks", "check", "a.ipynb") == status
    assert capsys.readouterr().out == told


@pytest.mark.parametrize("error", [notebooks.NotebookError("cell 3 failed"), FileNotFoundError("no a.ipynb")])
def test_what_the_house_refuses_is_one_sentence(monkeypatch, capsys, error):
    monkeypatch.setattr(notebooks, "check", raising(error))
    assert run("notebooks", "check", "a.ipynb") == 1
    assert capsys.readouterr().err == f"bncourse notebooks: {error}\n"


def test_a_defect_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(notebooks, "check", raising(KeyError("defect")))
    with pytest.raises(KeyError):
        run("notebooks", "check", "a.ipynb")


def raising(error):
    def call(_):
        raise error
    return call


@pytest.mark.parametrize("arguments, name, value", [
    (["notebooks", "jitter", "--draws", "2", "a.ipynb"], "paths", [Path("a.ipynb")]),
    (["notebooks", "jitter", "a.ipynb", "--draws", "2", "b.ipynb"], "paths", [Path("a.ipynb"), Path("b.ipynb")]),
    (["slides", "03", "--pdf", "04"], "lessons", ["03", "04"]),
    (["slides", "--plan", "90", "--still"], "plan", "90"),
    (["runs", "replay", "--steps", "3", "depth", "shift"], "names", ["depth", "shift"]),
    (["train", "--steps", "3", "bn-x30"], "variant", "bn-x30"),
])
def test_options_stand_before_between_and_behind_other_arguments(arguments, name, value):
    options, more = cli.parse(arguments)
    assert getattr(options, name) == value and more == []


@pytest.mark.parametrize("error", [
    MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("CUDA out of memory")])
def test_too_little_memory_is_one_sentence(monkeypatch, capsys, error):
    monkeypatch.setattr(notebooks, "check", raising(error))
    assert run("notebooks", "check", "a.ipynb") == 1
    assert capsys.readouterr().err == ("bncourse notebooks: the memory does not suffice; expected a smaller network, "
                                       "mini-batch or number of processes\n")


def test_where_nobody_reads_on_a_command_ends_without_a_word():
    code = """import argparse, sys
from bncourse import bootstrap, cli
bootstrap.write_whatever_comes()
sys.exit(cli.run(argparse.Namespace(command="x", do=lambda options: print("word " * 100_000))))"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 1


def test_a_disk_that_is_full_when_the_last_line_is_written_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert cli.run(argparse.Namespace(command="data", do=lambda options: 0)) == 1
    assert capsys.readouterr().err == "bncourse data: [Errno 28] No space left on device\n"


class Full(io.StringIO):
    def flush(self):
        raise OSError(28, "No space left on device")


def test_any_name_is_printed_and_a_closed_stream_takes_it(monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", None)
    bootstrap.write_whatever_comes()
    print("\u00e4 \udcff", flush=True)
    print("lost", file=sys.stderr)
    assert shown.getvalue() == b"\\xe4 \\udcff\n"
    sys.stderr.close()


def test_a_folder_of_data_that_cannot_be_found_is_told_as_it_was_named(monkeypatch, capsys):
    monkeypatch.setenv("BNCOURSE_DATA", "~no-such-user/data")
    monkeypatch.setenv("BNCOURSE_DATASET", "no-such-set")
    assert run("data") == 1
    out, err = capsys.readouterr()
    assert "~no-such-user" in out
    assert err.startswith("bncourse data: BNCOURSE_DATASET is 'no-such-set'; expected one of")
