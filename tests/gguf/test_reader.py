import os
import random
import struct
import tracemalloc
from pathlib import Path

import pytest

from app.domain.file_faults import FileFault
from app.gguf.checks import check_model
from app.gguf.header import HeaderError, LargeArray
from app.gguf.reader import read_header, read_special_tokens, read_tokens
from tests.support import headers, models
from tests.support.headers import ARRAY, STRING, UINT32, array, key, tensor
from tests.support.mutations import write_mutated


def refusal(path: Path) -> str:
    with pytest.raises(HeaderError) as caught:
        read_header(path)
    return str(caught.value)


def test_that_a_real_model_shows_its_keys_and_tensors(tmp_path: Path) -> None:
    header = read_header(models.write_llama(tmp_path / "a.gguf", name="Ärger", layers=3))
    assert header.architecture == "llama"
    assert header.text("general.name") == "Ärger"
    assert header.own_integer("block_count") == 3
    assert header.chat_template == models.CHAT_TEMPLATE
    assert header.length("tokenizer.ggml.merges") == 5
    assert len(header.tensors) == 3 + 9 * 3
    assert {item.name: item.dimensions for item in header.tensors}["blk.0.ffn_up.weight"] == (
        64,
        128,
    )


def test_that_values_of_another_type_are_not_taken_for_numbers(tmp_path: Path) -> None:
    path = headers.write(tmp_path / "a.gguf", [key("a", headers.BOOL, True), key("b", STRING, "1")])
    header = read_header(path)
    assert header.integer("a") is None
    assert header.integer("b") is None
    assert header.text("a") is None


def test_that_a_named_template_stands_in_for_a_missing_default(tmp_path: Path) -> None:
    keys = [
        key("tokenizer.chat_template", STRING, " "),
        key("tokenizer.chat_template.tool_use", STRING, "{{ x }}"),
    ]
    assert read_header(headers.write(tmp_path / "a.gguf", keys)).chat_template == "{{ x }}"


def test_that_a_large_vocabulary_stays_in_the_file(tmp_path: Path) -> None:
    path = headers.write_large_vocabulary(tmp_path / "a.gguf", 150_000)
    header = read_header(path)
    assert isinstance(header.keys["tokenizer.ggml.tokens"], LargeArray)
    assert header.length("tokenizer.ggml.tokens") == 150_000
    assert read_tokens(path, header, [149_999, 0, 70_000, 150_000, -1]) == {
        0: "token 0",
        70_000: "token 70000",
        149_999: "token 149999",
    }
    assert read_special_tokens(path, header) == {
        "bos_token": "token 1",
        "eos_token": "token 149999",
    }


def test_that_special_tokens_of_a_small_vocabulary_are_read(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    found = read_special_tokens(path, read_header(path))
    assert found == {"bos_token": models.BOS, "eos_token": models.EOS}


def test_that_missing_special_tokens_are_empty(tmp_path: Path) -> None:
    path = headers.write(tmp_path / "a.gguf", headers.model_keys())
    assert read_special_tokens(path, read_header(path)) == {"bos_token": "", "eos_token": ""}


def test_that_tensors_of_a_type_from_the_future_are_read(tmp_path: Path) -> None:
    path = headers.write(tmp_path / "a.gguf", [], [tensor("new", (8, 8), kind=999)])
    assert read_header(path).tensors[0].elements == 64


def test_that_each_broken_file_has_its_reason(tmp_path: Path) -> None:
    broken = models.write_broken(tmp_path)
    assert refusal(broken["empty"]) == "This file is empty."
    assert refusal(broken["wrong_magic"]) == "This isn't a GGUF file."
    assert refusal(broken["truncated"]) == "This file ends inside its header."
    assert refusal(broken["tensor_past_end"]) == (
        "This file ends before its tensors do (expected 283.4 kB, found 188.9 kB)."
    )


def test_that_a_file_that_lacks_one_byte_is_told_in_bytes(tmp_path: Path) -> None:
    path = models.write_llama(tmp_path / "a.gguf")
    os.truncate(path, path.stat().st_size - 1)
    assert "bytes" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (headers.header([], [], version=1), "version 1"),
        (headers.header([], [], version=4), "version 4"),
        (headers.header([], [], version=0x03000000), "byte order"),
        (headers.header([], [], key_count=2**63), "more entries"),
        (headers.header([], [], tensor_count=2**40), "more entries"),
        (headers.header([], [], key_count=1), "ends inside"),
        (headers.header([struct.pack("<Q", 2**62)], []), "too long"),
        (headers.header([key("a", UINT32, 1), key("a", UINT32, 1)], []), "twice"),
        (headers.header([key("a", 77, b"")], []), "unknown type 77"),
        (headers.header([key("a", ARRAY, array(STRING, [], claimed=2**60))], []), "ends inside"),
        (headers.header([key("a", ARRAY, array(ARRAY, []))], []), "list of lists"),
        (headers.header([key("general.alignment", UINT32, 0)], []), "alignment"),
        (headers.header([key("general.alignment", UINT32, 48)], []), "alignment"),
        (headers.header([key("general.alignment", UINT32, 2**21)], []), "alignment"),
        (headers.header([key("general.alignment", STRING, "x")], []), "alignment"),
        (headers.header([], [tensor("t", (1,)), tensor("t", (1,))]), "twice"),
        (headers.header([], [tensor("t", (1, 1, 1, 1, 1))]), "four dimensions"),
        (headers.header([], [tensor("t", (2**40, 2**40))]), "too large"),
        (headers.header([], [tensor("t", (8,), offset=2**50)]), "before its tensors"),
    ],
)
def test_that_lies_in_a_header_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    assert words in refusal(path)


def test_that_a_header_of_no_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    size = 200 * 1024 * 1024
    path.write_bytes(headers.header([key("a", ARRAY, array(0, [], claimed=size - 100))], []))
    os.truncate(path, size)
    assert refusal(path) == "This file's header is too large to be real."


def test_that_folders_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "This isn't a regular file."
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.gguf")
        assert refusal(tmp_path / "pipe.gguf") == "This isn't a regular file."


def test_that_no_mutation_of_a_header_escapes_as_another_error(tmp_path: Path) -> None:
    """500 damaged copies of a real header: refused in words, or read."""
    whole = models.write_llama(tmp_path / "seed.gguf").read_bytes()
    end = whole.rindex(b"ffn_down.weight") + 60
    source = random.Random(7)
    path = tmp_path / "mutated.gguf"
    read = 0
    for _ in range(500):
        content = bytearray(whole[:end])
        for _ in range(source.choice((1, 1, 2, 8))):
            damage(content, source)
        path.write_bytes(content)
        os.truncate(path, len(whole))
        read += is_read(path)
    assert 0 < read < 500


def is_read(path: Path) -> bool:
    try:
        header = read_header(path)
        read_special_tokens(path, header)
        check_model(header)
    except HeaderError:
        return False
    return True


def damage(content: bytearray, source: random.Random) -> None:
    """Change one spot: a byte, a length field, or what is in between."""
    at = source.randrange(4, len(content))
    match source.randrange(4):
        case 0:
            content[at] = source.randrange(256)
        case 1:
            content[at : at + 8] = struct.pack("<Q", source.choice((0, 1, 2**31, 2**63, 2**64 - 1)))
        case 2:
            del content[at : at + source.randrange(1, 32)]
        case _:
            content[at:at] = source.randbytes(source.randrange(1, 32))


def test_that_mutated_headers_are_refused_with_a_known_reason_within_bounds(tmp_path: Path) -> None:
    faults: list[FileFault] = []
    for path in write_mutated(tmp_path, 500, seed=1):
        tracemalloc.start()
        try:
            header = read_header(path)
            check_model(header)
        except HeaderError as error:
            faults.append(error.fault)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64_000_000
    assert len(faults) > 100
    assert len(set(faults)) > 5
