"""Small real GGUF files: random seeded weights that llama.cpp loads and generates from.

The weights are random but the answers are not noise: one dimension of the hidden state is held
constant, and the output matrix uses it to favour whole English words over single bytes, and bytes
over control tokens. So an answer is readable ASCII and practically never ends on its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, PoolingType, TokenType
from gguf.quants import quantize

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
BOS, EOS, TURN = "<|begin|>", "<|im_end|>", "<|im_start|>"
HEAD_LENGTH = 16

_WORDS = (
    "a about after again all also always and answer any are as ask at back be bright but by call "
    "can carry change clear come could day deep each early earth even every far field find first "
    "follow for form from garden give good grow hand have hold home idea in into is it keep kind "
    "know large last late learn letter light like line little long look make many map mean might "
    "model more most mountain move name near never new night not now of on one only open or other "
    "over own paper part people place plain point quiet rain read right river road same say sea "
    "see set show small so some song spring stand star still stone story such take talk tell than "
    "that the then there thing think this time to token tree true turn under up use voice wait "
    "walk water way we well what when where which while who wind with word work world write year"
)
WORDS = frozenset(_WORDS.split())
"""What a model answers with, in no order that makes sense."""


def write_llama(  # noqa: PLR0913 - each names one trait of the file
    path: Path,
    *,
    name: str = "Tiny Llama",
    layers: int = 2,
    width: int = 64,
    context: int = 2048,
    seed: int = 1,
    chat_template: str | None = CHAT_TEMPLATE,
    turn: str = TURN,
    special: Sequence[str] = (),
) -> Path:
    """Write a llama model; 2 layers of width 64 make about 300 KB and load in some 15 ms.

    Args:
        path: the file to write; its folder is made.
        name: what the model is called.
        layers: transformer blocks; each adds some 50 microseconds to a token.
        width: embedding length, a multiple of 16.
        context: the context length that the header claims.
        seed: other seeds give other answers.
        chat_template: None leaves it out.
        turn: the control token that begins a turn; another one hides that ChatML fits.
        special: more control tokens, at the end of the vocabulary.
    """
    writer = _writer(path, "llama", name, chat_template, turn=turn, special=special)
    _decoder(writer, "llama", layers, width, context)
    _llama_tensors(writer, layers, width, seed, special)
    return _finish(writer, path)


def write_slow_llama(path: Path, *, name: str = "Slow Llama", seed: int = 1) -> Path:
    """Write a deep, narrow llama of some 10 MB that answers slowly enough to be interrupted."""
    return write_llama(path, name=name, layers=300, width=32, seed=seed)


def write_qwen2(path: Path, *, name: str = "Tiny Qwen2", seed: int = 2) -> Path:
    """Write a qwen2 model: biased attention, two query heads for each key-value head."""
    layers, width = 2, 64
    writer = _writer(path, "qwen2", name, CHAT_TEMPLATE)
    _decoder(writer, "qwen2", layers, width, 4096, kv_heads=2)
    random = _Random(seed, layers)
    _ends(writer, random, width)
    for block in _blocks(layers):
        _attention(writer, random, block, width, kv_heads=2)
        for part, length in (("q", width), ("k", 2 * HEAD_LENGTH), ("v", 2 * HEAD_LENGTH)):
            writer.add_tensor(f"{block}.attn_{part}.bias", random.vector(length))
        _feed_forward(writer, random, block, width)
    return _finish(writer, path)


def write_quantised(path: Path, *, name: str = "Tiny Q4_0", seed: int = 7) -> Path:
    """Write a llama model in Q4_0, which most processors compute in a layout of their own."""
    layers, width = 2, 512
    writer = _writer(path, "llama", name, CHAT_TEMPLATE)
    _decoder(writer, "llama", layers, width, 2048)
    random = _Random(seed, layers)
    _ends(writer, random, width)
    kind = GGMLQuantizationType.Q4_0
    for block in _blocks(layers):
        for part in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{part}.weight", np.ones(width, dtype=np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            rows = 2 * width if part in {"ffn_gate", "ffn_up"} else width
            columns = 2 * width if part == "ffn_down" else width
            packed = quantize(random.matrix(rows, columns), kind)
            writer.add_tensor(f"{block}.{part}.weight", packed, raw_dtype=kind)
    return _finish(writer, path)


def write_gemma(path: Path, *, name: str = "Tiny Gemma", seed: int = 3) -> Path:
    """Write a gemma3 model: norms around each part, a sliding window on most layers."""
    layers, width = 6, 64
    writer = _writer(path, "gemma3", name, CHAT_TEMPLATE)
    _decoder(writer, "gemma3", layers, width, 4096, kv_heads=1)
    writer.add_key_length(HEAD_LENGTH)
    writer.add_value_length(HEAD_LENGTH)
    writer.add_sliding_window(256)
    random = _Random(seed, layers)
    _ends(writer, random, width)
    for block in _blocks(layers):
        _attention(writer, random, block, width, kv_heads=1)
        _feed_forward(writer, random, block, width)
        for part, length in (
            ("attn_q_norm", HEAD_LENGTH),
            ("attn_k_norm", HEAD_LENGTH),
            ("post_attention_norm", width),
            ("post_ffw_norm", width),
        ):
            writer.add_tensor(f"{block}.{part}.weight", np.ones(length, dtype=np.float32))
    return _finish(writer, path)


def write_embedding(path: Path, *, name: str = "Tiny Embedding", seed: int = 4) -> Path:
    """Write a bert model with mean pooling; it embeds text and can't chat."""
    layers, width, context = 2, 64, 512
    writer = _writer(path, "bert", name, None)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_causal_attention(False)
    writer.add_token_type_count(2)
    _sizes(writer, layers, width, context)
    writer.add_head_count(width // HEAD_LENGTH)
    writer.add_layer_norm_eps(1e-12)
    random = _Random(seed, layers)
    writer.add_tensor("token_embd.weight", random.matrix(len(_VOCABULARY), width))
    writer.add_tensor("token_types.weight", random.matrix(2, width).astype(np.float32))
    writer.add_tensor("position_embd.weight", random.matrix(context, width).astype(np.float32))
    _norm(writer, "token_embd_norm", width)
    for block in _blocks(layers):
        for part, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", width, width),
            ("attn_v", width, width),
            ("attn_output", width, width),
            ("ffn_up", 2 * width, width),
            ("ffn_down", width, 2 * width),
        ):
            writer.add_tensor(f"{block}.{part}.weight", random.matrix(rows, columns))
            writer.add_tensor(f"{block}.{part}.bias", random.vector(rows))
        _norm(writer, f"{block}.attn_output_norm", width)
        _norm(writer, f"{block}.layer_output_norm", width)
    return _finish(writer, path)


def write_projector(path: Path, *, name: str = "Tiny Projector") -> Path:
    """Write a vision projector, which lies beside a model and isn't one."""
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name(name)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_tensor("v.patch_embd.weight", _Random(5, 1).matrix(16, 16))
    return _finish(writer, path)


def write_sharded(folder: Path, *, name: str = "Tiny Sharded", seed: int = 6) -> list[Path]:
    """Write a llama model as three files, `tiny-00001-of-00003.gguf` and on."""
    layers, width = 2, 64
    tensors = 3 + 9 * layers
    path = folder / "tiny.gguf"
    writer = _writer(path, "llama", name, CHAT_TEMPLATE, split_max_tensors=-(-tensors // 3))
    _decoder(writer, "llama", layers, width, 2048)
    _llama_tensors(writer, layers, width, seed)
    _finish(writer, path)
    return sorted(folder.glob("tiny-*-of-*.gguf"))


def write_broken(folder: Path) -> dict[str, Path]:
    """Write files that no engine loads, by what is wrong with them.

    Keys: "truncated" (ends inside its header), "wrong_magic", "zero_layers",
    "tensor_past_end" (whole header, too little data) and "empty" (no bytes).
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = write_llama(folder / "tensor_past_end.gguf", name="Past end")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])
    contents = {
        "truncated": content[:2000],
        "wrong_magic": b"GGML" + content[4:],
        "empty": b"",
    }
    for kind, data in contents.items():
        (folder / f"{kind}.gguf").write_bytes(data)
    write_llama(folder / "zero_layers.gguf", name="Zero layers", layers=0)
    kinds = (*contents, "zero_layers", "tensor_past_end")
    return {kind: folder / f"{kind}.gguf" for kind in kinds}


def _byte_tokens() -> list[str]:
    """The 256 bytes as GPT-2's vocabulary spells them: printable ones as they are."""
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(256, 512))
    return [chr(byte if byte in plain else next(moved)) for byte in range(256)]


_BYTES = _byte_tokens()
_MERGES = ["t h", "th e", "h e", "i n", "a n"]
_VOCABULARY = [
    *_BYTES,
    *dict.fromkeys(merge.replace(" ", "") for merge in _MERGES),
    *(_BYTES[ord(" ")] + word for word in _WORDS.split()),
    BOS,
    TURN,
    EOS,
]


def _bias(token: str) -> float:
    """How much the output matrix favours a token: words, then full stops, then the rest."""
    if token in (BOS, TURN, EOS):
        return -40.0
    if token[1:] in WORDS:
        return 3.0
    if token in {".", ",", _BYTES[ord("\n")]}:
        return 2.0
    printable = len(token) > 1 or "!" <= token <= "~"
    return -3.0 if printable else -40.0


_BIAS = np.array([_bias(token) for token in _VOCABULARY], dtype=np.float32)


class _Random:
    """Seeded weights."""

    def __init__(self, seed: int, layers: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._layers = layers

    def matrix(self, rows: int, columns: int, scale: float = 1.0) -> np.ndarray:
        """Values that multiply the size of a vector by about `scale`."""
        values = self._generator.standard_normal((rows, columns), dtype=np.float32)
        scaled: np.ndarray = (values * (scale / np.sqrt(columns))).astype(np.float16)
        return scaled

    def vector(self, length: int) -> np.ndarray:
        values: np.ndarray = self._generator.standard_normal(length, dtype=np.float32) / 10
        return values

    def writing(self, rows: int, columns: int) -> np.ndarray:
        """A matrix whose result joins the hidden state: all layers together weigh as much as the
        embedding, and the constant dimension is spared.
        """
        values = self.matrix(rows, columns, scale=float(np.sqrt(0.5 / self._layers)))
        values[0] = 0
        return values


def _writer(  # noqa: PLR0913 - each names one trait of the file
    path: Path,
    architecture: str,
    name: str,
    chat_template: str | None,
    *,
    split_max_tensors: int = 0,
    turn: str = TURN,
    special: Sequence[str] = (),
) -> GGUFWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, architecture, split_max_tensors=split_max_tensors)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    kinds = [TokenType.NORMAL] * (len(_VOCABULARY) - 3) + [TokenType.CONTROL] * (3 + len(special))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    words = [turn if token == TURN else token for token in _VOCABULARY]
    writer.add_token_list([*words, *special])
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges(_MERGES)
    writer.add_bos_token_id(_VOCABULARY.index(BOS))
    writer.add_eos_token_id(_VOCABULARY.index(EOS))
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    return writer


def _sizes(writer: GGUFWriter, layers: int, width: int, context: int) -> None:
    writer.add_block_count(layers)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(2 * width)
    writer.add_context_length(context)


def _decoder(
    writer: GGUFWriter,
    architecture: str,
    layers: int,
    width: int,
    context: int,
    kv_heads: int | None = None,
) -> None:
    _sizes(writer, layers, width, context)
    heads = width // HEAD_LENGTH
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads or heads)
    writer.add_layer_norm_rms_eps(1e-5)
    if architecture == "llama":
        writer.add_rope_dimension_count(HEAD_LENGTH)


def _blocks(layers: int) -> list[str]:
    return [f"blk.{layer}" for layer in range(layers)]


def _llama_tensors(
    writer: GGUFWriter, layers: int, width: int, seed: int, special: Sequence[str] = ()
) -> None:
    random = _Random(seed, layers)
    _ends(writer, random, width, special)
    for block in _blocks(layers):
        _attention(writer, random, block, width, kv_heads=width // HEAD_LENGTH)
        _feed_forward(writer, random, block, width)


def _ends(writer: GGUFWriter, random: _Random, width: int, special: Sequence[str] = ()) -> None:
    """Embedding and output; dimension 0 is constant through the model and carries the bias."""
    size = len(_VOCABULARY) + len(special)
    embedding = random.matrix(size, width, scale=np.sqrt(width))
    embedding[:, 0] = 1
    output = random.matrix(size, width, scale=1.5)
    output[:, 0] = [*_BIAS, *(_bias(BOS) for _ in special)]
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    writer.add_tensor("output.weight", output)


def _attention(
    writer: GGUFWriter, random: _Random, block: str, width: int, *, kv_heads: int
) -> None:
    writer.add_tensor(f"{block}.attn_norm.weight", np.ones(width, dtype=np.float32))
    writer.add_tensor(f"{block}.attn_q.weight", random.matrix(width, width))
    writer.add_tensor(f"{block}.attn_k.weight", random.matrix(kv_heads * HEAD_LENGTH, width))
    writer.add_tensor(f"{block}.attn_v.weight", random.matrix(kv_heads * HEAD_LENGTH, width))
    writer.add_tensor(f"{block}.attn_output.weight", random.writing(width, width))


def _feed_forward(writer: GGUFWriter, random: _Random, block: str, width: int) -> None:
    writer.add_tensor(f"{block}.ffn_norm.weight", np.ones(width, dtype=np.float32))
    writer.add_tensor(f"{block}.ffn_gate.weight", random.matrix(2 * width, width))
    writer.add_tensor(f"{block}.ffn_up.weight", random.matrix(2 * width, width))
    writer.add_tensor(f"{block}.ffn_down.weight", random.writing(width, 2 * width))


def _norm(writer: GGUFWriter, tensor: str, width: int) -> None:
    writer.add_tensor(f"{tensor}.weight", np.ones(width, dtype=np.float32))
    writer.add_tensor(f"{tensor}.bias", np.zeros(width, dtype=np.float32))


def _finish(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "llama": write_llama,
    "qwen2": write_qwen2,
    "gemma": write_gemma,
    "embedding": write_embedding,
}
"""One writer for each shape, for tests that want them all."""
