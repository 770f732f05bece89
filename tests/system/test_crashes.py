"""Faults that nobody caught end in the log, native ones in a file."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from app.system.crashes import FILE, on_loop_exception, start_crash_reports

ROOT = Path(__file__).parents[2]
KEY = "sk-abcdefgh12345678"


async def crash(folder: Path, last_words: str) -> tuple[int, str]:
    """Run a program that reports its crashes; here it would take pytest's own reports away."""
    program = (
        "import sys; from pathlib import Path\n"
        "from app.system.logs import start_logging\n"
        "from app.system.crashes import start_crash_reports\n"
        "folder = Path(sys.argv[1])\n"
        "start_logging(folder); stop = start_crash_reports(folder)\n"
        f"{last_words}\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(folder),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_that_a_native_crash_leaves_its_stack_in_a_private_file(tmp_path):
    code, _ = await crash(tmp_path, "import faulthandler; faulthandler._sigsegv()")
    assert code != 0
    file = tmp_path / FILE
    assert "Segmentation fault" in file.read_text() or "access violation" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_that_an_uncaught_exception_is_logged_and_told_without_its_key(tmp_path):
    code, said = await crash(tmp_path, f"raise ValueError('rejected: ' + {KEY!r})")
    assert code == 1
    logged = (tmp_path / "modelyard.log").read_text()
    for text in (logged, said):
        assert "ValueError: rejected: [redacted]" in text
        assert KEY not in text.replace(f"raise ValueError('rejected: ' + {KEY!r})", "")


async def test_that_a_program_without_stderr_logs_a_fault_and_goes_on(tmp_path):
    code, _ = await crash(
        tmp_path,
        "sys.stderr = None\n"
        "fault = ValueError('silent')\n"
        "sys.excepthook(ValueError, fault, None)\n"
        "sys.exit(0)",
    )
    assert code == 0
    assert "ValueError: silent" in (tmp_path / "modelyard.log").read_text()


async def test_that_an_exception_in_a_thread_is_logged_with_its_name(tmp_path):
    await crash(
        tmp_path,
        "import threading\n"
        "for name, work in (('doomed', lambda: 1 / 0), ('leaving', sys.exit)):\n"
        "    thread = threading.Thread(target=work, name=name)\n"
        "    thread.start(); thread.join()",
    )
    logged = (tmp_path / "modelyard.log").read_text()
    assert "doomed" in logged
    assert "ZeroDivisionError" in logged
    assert "leaving" not in logged


async def test_that_a_fault_which_a_loop_can_tell_nobody_is_logged(caplog):
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(on_loop_exception)
    future = loop.create_future()
    future.set_exception(ValueError("never looked at"))
    del future
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert "never retrieved" in caplog.text
    assert "ValueError: never looked at" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_that_stopping_gives_the_hooks_back(tmp_path):
    code, said = await crash(
        tmp_path,
        "import faulthandler, threading\n"
        "stop()\n"
        "assert sys.excepthook is sys.__excepthook__\n"
        "assert threading.excepthook is threading.__excepthook__\n"
        "assert not faulthandler.is_enabled()",
    )
    assert (code, said) == (0, "")


async def test_that_an_interrupt_is_no_crash(tmp_path):
    _, said = await crash(tmp_path, "raise KeyboardInterrupt")
    assert "KeyboardInterrupt" in said
    assert (tmp_path / "modelyard.log").read_text() == ""


def test_that_a_folder_which_is_not_there_is_told_to_the_caller(tmp_path):
    before = sys.excepthook
    with pytest.raises(FileNotFoundError):
        start_crash_reports(tmp_path / "gone")
    assert sys.excepthook is before
