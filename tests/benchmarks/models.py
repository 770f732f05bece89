"""The files that are measured: random weights in the shapes of models that people use.

They are made once, into a folder under the system's temporary one. Their answers are made of the
letters in `LETTERS` and spaces alone, one token each, and so are the prompts: a text has as many
tokens as characters, and an answer that returns in the next prompt is the same tokens again.
"""

import ctypes
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, LlamaFileType, TokenType

from tests.benchmarks.silent import silent_binding
from tests.support.models import BOS, CHAT_TEMPLATE, EOS, TURN, write_llama

LETTERS = "qrstuvwxyz"
"""Letters that no merge touches."""
MERGED = "abcdefghijklmnop"
BLOCK = 1 << 22
"""Random values that are made once and used over and over."""
VERSION = 1
"""Counts changes to what is written, so that older files aren't reused."""


@dataclass(frozen=True)
class Shape:
    """The figures that a model's speed follows from."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_length: int
    feed_forward: int
    vocabulary: int
    architecture: str = "llama"
    context: int = 8192


SMALL = Shape(30, 576, 9, 3, 64, 1536, 49152)
"""134M parameters, as SmolLM-135M."""
MEDIUM = Shape(28, 1024, 16, 8, 128, 3072, 151936, architecture="qwen3")
"""600M parameters, as Qwen3-0.6B."""


def tiny() -> Path:
    """The 0.3 MB model of the tests."""
    return kept("tiny", lambda path: write_llama(path, name="Benchmark tiny"))


def small() -> Path:
    """134M parameters in F16."""
    return kept("small-f16", lambda path: write(path, SMALL, "Benchmark 134M"))


def medium() -> Path:
    """600M parameters in F16, 1.2 GB."""
    return kept("medium-f16", lambda path: write(path, MEDIUM, "Benchmark 600M"))


def small_quantised(kind: str) -> Path:
    """134M parameters in "Q8_0" or "Q4_0"."""
    return kept(f"small-{kind.lower()}", lambda path: quantise(small(), path, kind))


def words(count: int, seed: int = 0) -> str:
    """A text of so many tokens, the beginning token not counted; other seeds differ at once."""
    generator = np.random.default_rng(seed)
    letters = generator.choice(list(LETTERS), count)
    letters[7::8] = " "
    return "".join(letters)


def folder() -> Path:
    """Where the files lie."""
    user = os.getuid() if hasattr(os, "getuid") else "all"
    return Path(tempfile.gettempdir()) / f"modelyard-benchmarks-{user}"


def write(path: Path, shape: Shape, name: str) -> None:
    """Write a model of a shape, never holding more than one tensor in memory."""
    writer = GGUFWriter(path, shape.architecture)
    _write_keys(writer, shape, name)
    tensors = list(_tensors(shape))
    for tensor, dimensions, kind in tensors:
        size = int(np.prod(dimensions)) * np.dtype(kind).itemsize
        writer.add_tensor_info(tensor, dimensions, np.dtype(kind), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(1).standard_normal(BLOCK, dtype=np.float32)
    vocabulary = _vocabulary(shape.vocabulary)
    for index, (tensor, dimensions, kind) in enumerate(tensors):
        values = _values(random, tensor, dimensions, kind, index)
        if tensor == "token_embd.weight":
            # The output is tied to the embedding: a token with nothing there is never chosen.
            chosen = {_space(), *LETTERS}
            values[[token not in chosen for token in vocabulary]] = 0
        writer.write_tensor_data(values)
    writer.close()


def quantise(source: Path, path: Path, kind: str) -> None:
    """Write a model anew with another tensor type.

    Raises:
        RuntimeError: llama.cpp can't.
    """
    api = silent_binding()
    parameters = api.llama_model_quantize_default_params()
    parameters.ftype = getattr(api, f"LLAMA_FTYPE_MOSTLY_{kind}")
    status = api.llama_model_quantize(
        os.fsencode(source), os.fsencode(path), ctypes.byref(parameters)
    )
    if status != 0:
        raise RuntimeError(f"llama.cpp can't quantise {source.name} to {kind}: status {status}")


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """The file of that name, made when it isn't there yet; a half-made one is never used."""
    path = folder() / f"{name}-{VERSION}.gguf"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as making:
            made = Path(making) / path.name
            make(made)
            made.replace(path)
    return path


def _write_keys(writer: GGUFWriter, shape: Shape, name: str) -> None:
    vocabulary = _vocabulary(shape.vocabulary)
    controls = (BOS, TURN, EOS)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_context_length(shape.context)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_length)
    writer.add_value_length(shape.head_length)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.head_length)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_types(
        [int(TokenType.CONTROL if token in controls else TokenType.NORMAL) for token in vocabulary]
    )
    writer.add_token_merges([f"{token[:-1]} {token[-1]}" for token in _merged(shape.vocabulary)])
    writer.add_bos_token_id(vocabulary.index(BOS))
    writer.add_eos_token_id(vocabulary.index(EOS))
    writer.add_chat_template(CHAT_TEMPLATE)


def _vocabulary(size: int) -> list[str]:
    """Bytes, words of a few letters and control tokens, as many as a real vocabulary holds."""
    return [*_bytes(), *_merged(size), BOS, TURN, EOS]


def _merged(size: int) -> list[str]:
    """The words, each the merge of a shorter one and a letter."""
    lengths = itertools.count(2)
    endless = (
        "".join(letters)
        for length in lengths
        for letters in itertools.product(MERGED, repeat=length)
    )
    return list(itertools.islice(endless, size - 256 - 3))


def _bytes() -> list[str]:
    """The 256 bytes as GPT-2's vocabulary spells them: printable ones as they are."""
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(256, 512))
    return [chr(byte if byte in plain else next(moved)) for byte in range(256)]


def _space() -> str:
    return _bytes()[ord(" ")]


def _tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...], type]]:
    """Name, dimensions and type of each tensor, in the order of the file."""
    yield "token_embd.weight", (shape.vocabulary, shape.width), np.float16
    yield "output_norm.weight", (shape.width,), np.float32
    query, keys = shape.heads * shape.head_length, shape.kv_heads * shape.head_length
    for block in (f"blk.{layer}" for layer in range(shape.layers)):
        yield f"{block}.attn_norm.weight", (shape.width,), np.float32
        yield f"{block}.attn_q.weight", (query, shape.width), np.float16
        yield f"{block}.attn_k.weight", (keys, shape.width), np.float16
        yield f"{block}.attn_v.weight", (keys, shape.width), np.float16
        yield f"{block}.attn_output.weight", (shape.width, query), np.float16
        if shape.architecture == "qwen3":
            yield f"{block}.attn_q_norm.weight", (shape.head_length,), np.float32
            yield f"{block}.attn_k_norm.weight", (shape.head_length,), np.float32
        yield f"{block}.ffn_norm.weight", (shape.width,), np.float32
        yield f"{block}.ffn_gate.weight", (shape.feed_forward, shape.width), np.float16
        yield f"{block}.ffn_up.weight", (shape.feed_forward, shape.width), np.float16
        yield f"{block}.ffn_down.weight", (shape.width, shape.feed_forward), np.float16


def _values(
    random: np.ndarray, tensor: str, dimensions: tuple[int, ...], kind: type, index: int
) -> np.ndarray:
    """A tensor's weights: ones for a norm, else random values that keep a vector's size."""
    if len(dimensions) == 1:
        return np.ones(dimensions, dtype=kind)
    scale = 1.0 if tensor == "token_embd.weight" else dimensions[1] ** -0.5
    block: np.ndarray = (random * np.float32(scale)).astype(kind)
    # Another start for each tensor, so that no two layers are the same.
    shifted = np.roll(block, index * 7919)
    return np.resize(shifted, dimensions)
