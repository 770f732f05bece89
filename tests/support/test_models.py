"""The models that other tests stand on: the engine loads and runs the good ones."""

import string
import subprocess
import sys
from pathlib import Path

import pytest
from llama_cpp import Llama

from tests.support import models

GENERATING = ["llama", "qwen2", "gemma"]


def answer(path: Path, tokens: int) -> str:
    engine = Llama(str(path), n_ctx=512, n_threads=1, seed=5, verbose=False)
    try:
        (choice,) = engine.create_completion("Hello", max_tokens=tokens)["choices"]
        assert choice["finish_reason"] == "length"
        return str(choice["text"])
    finally:
        engine.close()


@pytest.mark.parametrize("shape", GENERATING)
def test_that_answers_are_words_up_to_the_limit(tmp_path: Path, shape: str) -> None:
    text = answer(models.WRITERS[shape](tmp_path / "a.gguf"), 200)
    assert set(text) <= set(string.printable)
    words = text.replace(".", " ").replace(",", " ").split()
    assert sum(word in models.WORDS for word in words) > 150


def test_that_shards_and_models_without_a_template_generate(tmp_path: Path) -> None:
    assert answer(models.write_sharded(tmp_path)[0], 20)
    assert answer(models.write_llama(tmp_path / "plain.gguf", chat_template=None), 20)


def test_that_other_seeds_answer_otherwise(tmp_path: Path) -> None:
    texts = {answer(models.write_llama(tmp_path / "a.gguf", seed=seed), 20) for seed in (1, 2)}
    assert len(texts) == 2


def test_that_a_model_is_small_and_a_slow_one_not_large(tmp_path: Path) -> None:
    assert models.write_llama(tmp_path / "a.gguf").stat().st_size < 500_000
    slow = models.write_slow_llama(tmp_path / "slow.gguf")
    assert slow.stat().st_size < 20_000_000
    assert answer(slow, 5)


def test_that_the_embedding_model_embeds(tmp_path: Path) -> None:
    path = models.write_embedding(tmp_path / "a.gguf")
    engine = Llama(str(path), embedding=True, n_threads=1, verbose=False)
    first, second = engine.embed("one text"), engine.embed("another")
    engine.close()
    assert len(first) == 64
    assert first != second


@pytest.mark.parametrize("kind", ["truncated", "wrong_magic", "empty", "tensor_past_end"])
def test_that_the_engine_refuses_broken_files(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match="Failed to load"):
        Llama(str(models.write_broken(tmp_path)[kind]), verbose=False)


def test_that_a_model_of_no_layers_takes_its_process_down(tmp_path: Path) -> None:
    path = models.write_broken(tmp_path)["zero_layers"]
    code = f"from llama_cpp import Llama; Llama({str(path)!r}, verbose=False)"
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.returncode != 0
