"""llama.cpp's own quantiser in a real process."""

import asyncio
from pathlib import Path

import pytest

from app.domain.conversions import QUANTISATIONS, expected_size
from app.domain.errors import InvalidFile
from app.gguf.reader import read_header
from app.library.quantisation import quantisation_of
from app.providers.quantiser import QuantiserProcess
from tests.providers.engines import processes
from tests.support import models
from tests.support.fakes import spec


async def test_that_a_model_is_written_with_smaller_weights(tmp_path: Path) -> None:
    source = models.write_llama(tmp_path / "a.gguf", width=256)
    made, shares = tmp_path / "b.gguf", []
    async with processes() as children:
        await QuantiserProcess(children).quantise(str(source), str(made), "Q8_0", shares.append)
    header = read_header(made)
    assert quantisation_of(header.integer("general.file_type"), header.tensors) == "Q8_0"
    assert made.stat().st_size < source.stat().st_size
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]


@pytest.mark.parametrize("width", [64, 256])
async def test_that_no_new_file_is_larger_than_was_told(tmp_path: Path, width: int) -> None:
    source = models.write_llama(tmp_path / "a.gguf", width=width)
    held = spec(
        "a",
        quantisation="F16",
        size_bytes=source.stat().st_size,
        parameters=sum(tensor.elements for tensor in read_header(source).tensors),
    )
    async with processes() as children:
        for kind in QUANTISATIONS.values():
            made = tmp_path / f"{kind.name}.gguf"
            quantiser = QuantiserProcess(children)
            await quantiser.quantise(str(source), str(made), kind.name, lambda _: None)
            assert made.stat().st_size <= expected_size(held, kind), kind.name


async def test_that_a_file_that_is_no_model_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    broken = models.write_broken(tmp_path / "broken")["wrong_magic"]
    async with processes() as children:
        with pytest.raises(InvalidFile, match="can't convert"):
            await QuantiserProcess(children).quantise(
                str(broken), str(tmp_path / "b.gguf"), "Q8_0", lambda _: None
            )
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


async def test_that_cancelling_leaves_nothing(tmp_path: Path) -> None:
    source = models.write_slow_llama(tmp_path / "a.gguf")
    begun = asyncio.Event()
    async with processes() as children:
        work = asyncio.ensure_future(
            QuantiserProcess(children).quantise(
                str(source), str(tmp_path / "b.gguf"), "Q8_0", lambda _: begun.set()
            )
        )
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]
