"""The search for keys that lie openly."""

import asyncio
import json
import os
import sys
from pathlib import Path

from app.domain.secrets import Secret
from app.system.key_audit import CHUNK, FileAudit

KEYS = {"one": Secret("canary-one-0123456789"), "two": Secret("canary-two-0123456789")}
ONE = KEYS["one"].reveal()


async def places(folder: Path) -> list[str]:
    report = await FileAudit([folder]).search(KEYS)
    return [Path(item.place).name for item in report.findings if item.credential == "one"]


async def test_that_a_key_is_found_wherever_it_lies(tmp_path: Path) -> None:
    below = tmp_path / "logs" / "old"
    below.mkdir(parents=True)
    (tmp_path / "plain").write_text(f"x {ONE} y")
    (below / "wide").write_text(ONE, encoding="utf-16")
    (below / "json").write_text(json.dumps({"key": ONE}))
    (tmp_path / "across").write_bytes(b"." * (CHUNK - 5) + ONE.encode())
    (tmp_path / "clean").write_text("canary-one")
    assert sorted(await places(tmp_path)) == ["across", "json", "plain", "wide"]


async def test_that_the_report_says_what_was_searched(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing")
    report = await FileAudit([tmp_path, tmp_path / "missing"]).search(KEYS)
    assert (report.keys, report.files, report.findings) == (2, 1, ())
    assert report.processes >= 1


async def test_that_a_placeholder_is_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("none")
    report = await FileAudit([tmp_path]).search({"one": Secret("none")})
    assert (report.keys, report.findings) == (0, ())


async def test_that_a_key_in_a_childs_arguments_or_environment_is_found(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", ONE, stdin=asyncio.subprocess.PIPE,
        env=os.environ | {"OTHER": KEYS["two"].reveal()},
    )  # fmt: skip
    try:
        report = await FileAudit([tmp_path]).search(KEYS)
        found = {item.credential: item.place for item in report.findings}
        assert found == {
            "one": f"process {child.pid}: arguments",
            "two": f"process {child.pid}: environment",
        }
    finally:
        child.kill()
        await child.wait()


async def test_that_neither_report_nor_finding_holds_the_key(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(ONE)
    report = await FileAudit([tmp_path]).search(KEYS)
    assert ONE not in report.model_dump_json()
