"""Headers made wrong: bytes, lengths, types and structure."""

import random
import re
import struct
from pathlib import Path

from tests.support import headers, models
from tests.support.headers import ARRAY, BOOL, FLOAT32, STRING, UINT32, array, key, tensor

EDGES = (0, 1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def whole() -> bytes:
    """A sound file of some kilobytes with every kind of value in its header."""
    words: list[object] = [f"token {number}" for number in range(600)]
    keys = [
        *headers.model_keys(),
        key("general.name", STRING, "Mutable"),
        key("general.alignment", UINT32, 32),
        key("tokenizer.chat_template", STRING, "{{ messages[0].content }}"),
        key("tokenizer.ggml.tokens", ARRAY, array(STRING, words)),
        key("tokenizer.ggml.scores", ARRAY, array(FLOAT32, [0.5] * 600)),
        key("llama.attention.head_count_kv", ARRAY, array(UINT32, [4, 4])),
        key("tokenizer.ggml.add_bos_token", BOOL, True),
    ]
    tensors = [tensor(f"blk.{n}.attn_q.weight", (8, 8), offset=128 * n) for n in range(12)]
    return headers.header(keys, tensors) + bytes(8192)


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The content with one to four faults, of values or of structure."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(max(1, len(changed) - 8))
        match draw.randrange(7):
            case 0:
                changed[at] = draw.randrange(256)
            case 1:
                changed[at] ^= 1 << draw.randrange(8)
            case 2:
                struct.pack_into("<Q", changed, at, draw.choice(EDGES))
            case 3:
                struct.pack_into("<I", changed, at, draw.choice(EDGES) & 0xFFFFFFFF)
            case 4:
                del changed[at:]
                changed += bytes(8)
            case 5:
                changed[at:at] = changed[at : at + draw.randrange(1, 64)]
            case _:
                # Lengths and counts stand behind names, where chance seldom strikes.
                place = draw.choice([8, 16, *_places(content)])
                if place + 8 <= len(changed):
                    struct.pack_into("<Q", changed, place, draw.choice(EDGES))
    return bytes(changed)


def write_mutated(folder: Path, count: int, seed: int) -> list[Path]:
    """Write so many mutated files."""
    draw, content = random.Random(seed), whole()
    paths = [folder / f"{number}.gguf" for number in range(count)]
    for path in paths:
        path.write_bytes(mutated(content, draw))
    return paths


def write_mutated_models(folder: Path, count: int, seed: int) -> list[Path]:
    """Write so many models that would load but for the faults in their headers."""
    draw = random.Random(seed)
    content = models.write_llama(folder / "sound.bin").read_bytes()
    header = content.rindex(b".weight") + 64
    paths = [folder / f"model-{number}.gguf" for number in range(count)]
    for path in paths:
        path.write_bytes(mutated(content[:header], draw) + content[header:])
    return paths


def _places(content: bytes) -> list[int]:
    """Where values begin: behind each key's name."""
    return [
        match.end() for match in re.finditer(rb"(general|llama|tokenizer|blk)\.[\w.]+", content)
    ]
