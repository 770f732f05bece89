import asyncio
import json
import os
import sys
from pathlib import Path

from app import __version__
from tests.support import models


async def modelyard(*arguments: str, state: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "MODEL_MANAGER_PERSISTENCE_PATH": str(state)},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_that_the_version_is_told(tmp_path: Path) -> None:
    code, out, _ = await modelyard("--version", state=tmp_path)
    assert (code, out) == (0, f"Modelyard {__version__}\n")


async def test_that_a_scan_prints_one_json_object_per_model_and_leaves_no_trace(
    tmp_path: Path,
) -> None:
    folder, state = tmp_path / "models", tmp_path / "state"
    models.write_llama(folder / "deep" / "llama.gguf")
    models.write_embedding(folder / "embedding.gguf")
    models.write_sharded(folder / "sharded")
    models.write_broken(folder / "broken")
    code, out, err = await modelyard("scan", str(folder), "--json", state=state)
    found = {item["path"]: item for item in map(json.loads, out.splitlines())}
    assert (code, err) == (0, "")
    llama = found[str(folder / "deep" / "llama.gguf")]
    assert llama["name"] == "Tiny Llama"
    assert llama["architecture"] == "llama"
    assert llama["quantisation"] == "F16"
    assert llama["context_length"] == 2048
    assert llama["parameters"] > 0
    assert llama["size_bytes"] == (folder / "deep" / "llama.gguf").stat().st_size
    assert found[str(folder / "embedding.gguf")]["capabilities"] == ["embedding"]
    assert [item["shards"] for item in found.values() if "sharded" in item["path"]] == [3]
    broken = [item for item in found.values() if item["status"] == "invalid"]
    assert len(broken) == 5
    assert all(item["reason"].endswith(".") for item in broken)
    assert not state.exists()


async def test_that_a_scan_without_json_is_readable(tmp_path: Path) -> None:
    models.write_llama(tmp_path / "models" / "llama.gguf")
    code, out, _ = await modelyard("scan", str(tmp_path / "models"), state=tmp_path)
    assert code == 0
    assert out.startswith("Tiny Llama  llama  136,896 parameters  F16  context 2,048")


async def test_that_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    code, out, err = await modelyard("scan", str(tmp_path / "no"), "--json", state=tmp_path)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert str(tmp_path / "no") in err


async def test_that_a_reader_who_goes_away_is_no_error(tmp_path: Path) -> None:
    for number in range(3):
        models.write_llama(tmp_path / "models" / f"{number}.gguf", seed=number + 10)
    process = await asyncio.create_subprocess_shell(
        f"{sys.executable} -m app scan {tmp_path / 'models'} | head -n 1",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert out.count(b"\n") == 1
    assert err == b""
