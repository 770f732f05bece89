import hashlib
from contextlib import aclosing
from pathlib import Path

import pytest

from app.domain.errors import InvalidFile, MissingFile
from app.domain.inspection import FileDigest
from app.library import inspection
from app.library.inspection import FileInspection
from tests.support import headers, models

FILES = FileInspection()


async def test_that_every_key_comes_in_pages(tmp_path: Path) -> None:
    path = str(models.write_llama(tmp_path / "a.gguf", name="Mine"))
    whole = await FILES.keys(path, 0, 1000)
    pages = [await FILES.keys(path, at, 5) for at in range(0, whole.total, 5)]
    assert tuple(line for page in pages for line in page.keys) == whole.keys
    lines = {line.key: line for line in whole.keys}
    assert (lines["general.name"].value, lines["general.name"].type) == ("Mine", "text")
    assert (lines["llama.block_count"].value, lines["llama.block_count"].type) == ("2", "integer")


async def test_that_long_lists_are_read_where_they_are_looked_at(tmp_path: Path) -> None:
    path = str(headers.write_large_vocabulary(tmp_path / "a.gguf", 5000))
    page = await FILES.values(path, "tokenizer.ggml.tokens", 4998, 10)
    assert (page.values, page.total) == (("token 4998", "token 4999"), 5000)
    assert (await FILES.values(path, "tokenizer.ggml.tokens", 9999, 10)).values == ()
    assert (await FILES.values(path, "llama.block_count", 0, 10)).values == ("2",)
    with pytest.raises(InvalidFile, match="no key"):
        await FILES.values(path, "nothing", 0, 10)


async def test_that_tensors_of_all_shards_add_up(tmp_path: Path) -> None:
    first = str(models.write_sharded(tmp_path)[0])
    page = await FILES.tensors(first, 3, 0, 4)
    assert (len(page.tensors), page.total) == (4, 21)
    assert sum(share.tensors for share in page.mix) == 21
    assert page.mix[0].type == "F16"
    assert page.mix[0].size == 2 * page.mix[0].elements
    assert (await FILES.tensors(first, 3, 20, 4)).tensors[0].shape


async def test_that_a_digest_comes_with_its_progress_and_can_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "CHUNK", 100_000)
    path = models.write_llama(tmp_path / "a.gguf")
    *shares, digest = [step async for step in FILES.sha256(str(path), 1)]
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == FileDigest(path=str(path), digest=digits)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    async with aclosing(FILES.sha256(str(path), 1)) as steps:
        assert await anext(steps) < 1


async def test_that_every_shard_is_hashed(tmp_path: Path) -> None:
    paths = models.write_sharded(tmp_path)
    steps = [step async for step in FILES.sha256(str(paths[0]), len(paths))]
    shares = [step for step in steps if isinstance(step, float)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [step for step in steps if isinstance(step, FileDigest)] == [
        FileDigest(path=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    ]
    paths[1].unlink()
    with pytest.raises(MissingFile):
        async for _ in FILES.sha256(str(paths[0]), len(paths)):
            pass


async def test_that_missing_and_broken_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        await FILES.keys(str(tmp_path / "gone.gguf"), 0, 5)
    broken = models.write_broken(tmp_path)["wrong_magic"]
    with pytest.raises(InvalidFile):
        await FILES.tensors(str(broken), 1, 0, 5)


async def test_that_the_chat_template_is_shown_whole(tmp_path: Path) -> None:
    path = str(models.write_llama(tmp_path / "a.gguf"))
    template, tokens = await FILES.chat_template(path)
    assert (template, tokens["bos_token"]) == (models.CHAT_TEMPLATE, models.BOS)
    plain = str(models.write_llama(tmp_path / "b.gguf", chat_template=None))
    assert (await FILES.chat_template(plain))[0] == ""
