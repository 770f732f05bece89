from pathlib import Path

from app.library.fingerprint import SAMPLE, content_id, path_id


def test_that_an_id_follows_content_and_not_the_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    assert content_id(str(first)) == content_id(str(second))
    account, _, digest = content_id(str(first)).partition(":")
    assert account == "local"
    assert len(bytes.fromhex(digest)) == 8


def test_that_both_ends_and_the_size_count(tmp_path: Path) -> None:
    content = bytearray(3 * SAMPLE)
    path = tmp_path / "a"

    def id_of(data: bytes) -> str:
        path.write_bytes(data)
        return content_id(str(path))

    whole = id_of(content)
    ids = {whole, id_of(b"x" + content[1:]), id_of(content[:-1] + b"x"), id_of(content + b"\0")}
    assert len(ids) == 4
    content[SAMPLE + 5] = 1
    assert id_of(content) == whole


def test_that_a_path_has_an_id_even_when_it_is_no_text() -> None:
    assert path_id("/a\udcff.gguf") != path_id("/a.gguf")
