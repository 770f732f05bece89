"""The start: when it installs, what it says, and what it refuses in one sentence."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
Script = Callable[[str], ModuleType]


@pytest.fixture
def run(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, at home in an empty checkout."""
    module = script("run")
    environment = tmp_path / ".venv"
    environment.mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("a==1\n")
    for name, path in {
        "ROOT": tmp_path,
        "CONSTRAINTS": tmp_path / "constraints.txt",
        "ENVIRONMENT": environment,
        "PYTHON": environment / "python",
        "STAMP": environment / "stamp.json",
        "LOG": environment / "install.log",
    }.items():
        monkeypatch.setattr(module, name, path)
    return module


@pytest.fixture
def installed(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that an install gives to pip; here each of them succeeds."""
    commands: list[list[str]] = []
    run.PYTHON.touch()
    monkeypatch.setattr(run, "_environment_is_sound", lambda: True)
    monkeypatch.setattr(run, "_run_logged", commands.append)
    return commands


def test_that_the_second_start_installs_nothing(
    run: ModuleType, installed: list[list[str]]
) -> None:
    run.install({"test"})
    run.install({"test"})
    run.install(set())
    assert len(installed) == 1
    assert installed[0][-4:] == ["--constraint", str(run.CONSTRAINTS), "--editable", ".[test]"]


def test_that_another_extra_joins_those_that_are_there(
    run: ModuleType, installed: list[list[str]]
) -> None:
    run.install({"test"})
    run.install({"check"})
    assert [command[-1] for command in installed] == [".[test]", ".[check,test]"]


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_that_a_changed_pin_installs_again(
    run: ModuleType, installed: list[list[str]], changed: str
) -> None:
    run.install(set())
    (run.ROOT / changed).write_text("b==2\n")
    run.install(set())
    assert len(installed) == 2


def test_that_another_python_installs_again(
    run: ModuleType, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.install(set())
    monkeypatch.setattr(sys, "version", "3.99")
    assert not run.is_installed(set())


def test_that_an_install_that_failed_leaves_no_stamp(
    run: ModuleType, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str]) -> None:
        raise run.Refusal("pip failed")

    run.install(set())
    monkeypatch.setattr(run, "_run_logged", fail)
    with pytest.raises(run.Refusal):
        run.install({"test"})
    assert not run.is_installed(set())


def test_that_a_broken_environment_is_noticed(run: ModuleType) -> None:
    assert not run._environment_is_sound()
    run.PYTHON.write_text("#!/bin/sh\nexit 1\n")
    run.PYTHON.chmod(0o755)
    assert not run._environment_is_sound()


def test_that_this_environment_is_sound(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PYTHON", Path(sys.executable))
    assert run._environment_is_sound()


def test_that_pip_failing_shows_its_last_lines_and_a_cause(
    run: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "print('No CMAKE_CXX_COMPILER could be found.'); raise SystemExit(1)"
    with pytest.raises(run.Refusal, match="want of a C\\+\\+ compiler"):
        run._run_logged([sys.executable, "-c", code])
    assert "No CMAKE_CXX_COMPILER" in capsys.readouterr().err
    assert "No CMAKE_CXX_COMPILER" in run.LOG.read_text()


def test_that_missing_tools_are_named_with_the_line_that_installs_them(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(run.preflight, "os_release", lambda: {"ID": "debian"})
    monkeypatch.setattr(run.preflight.os, "geteuid", lambda: 1000)
    assert run.main(["--checks"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "This system lacks a C++ compiler and Python's venv module. Install with:\n"
        "  sudo apt-get install -y g++ python3-venv\n"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  Downloading numpy-2.4.6-cp311.whl (16.9 MB)", "downloading numpy (16.9 MB)"),
        ("  Downloading idna-3.20-py3-none-any.whl (65 kB)", None),
        (
            "  Building wheel for llama-cpp-python (pyproject.toml): started",
            "compiling llama-cpp-python",
        ),
        (
            "  Building wheel for llama-cpp-python (pyproject.toml): still running...",
            "still compiling llama-cpp-python",
        ),
        ("Installing collected packages: numpy, idna", "unpacking"),
        ("Collecting numpy", None),
    ],
)
def test_that_progress_is_said_in_few_words(run: ModuleType, line: str, words: str | None) -> None:
    assert run.progress(line) == words


def test_that_an_old_python_reads_one_sentence() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 2);"
        f"runpy.run_path({str(ROOT / 'packaging' / 'run.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Modelyard needs Python 3.11 or newer and this is 3.9.")
    assert "Traceback" not in done.stderr
