"""Headers made wrong: bytes, lengths, types and structure, and the sentences that may answer them."""

import random
import re
import struct
from pathlib import Path

from tests.support import headers
from tests.support.headers import ARRAY, BOOL, FLOAT32, STRING, UINT32, array, key, tensor

REASONS = tuple(
    re.compile(f"(?:[^:]+: )?{pattern}", re.DOTALL)
    for pattern in (
        r"This file is empty\.",
        r"This isn't a (GGUF|regular) file\.",
        r"This GGUF file is for machines of the other byte order\.",
        r"This file has GGUF version \d+, and only versions 2 and 3 can be read\.",
        r"This file's header claims more entries than a model can have\.",
        r"This file's header has the key .* twice\.",
        r"This file's header holds a list of lists, which no model has\.",
        r"This file's header holds a text that is too long to be real\.",
        r"This file's header holds a value of unknown type \d+\.",
        r"This file's header is too large to be real\.",
        r"This file's header gives an alignment that can't be\.",
        r"This file ends inside its header\.",
        r"This file ends before its tensors do \(.*\)\.",
        r"This file became shorter while it was read\.",
        r"This file has the tensor .* twice\.",
        r"This file has a tensor (of more than four dimensions|that is too large to be real)\.",
        r"This file holds no weights\.",
        r"This file doesn't say which kind of model it holds\.",
        r"This file's header counts .* parts and its name \d+, so they can't be put together\.",
        r"This model claims to have .* layers\.",
        r"This model claims an embedding length of .*\.",
        r"This model claims a number of attention heads that can't be\.",
        r"This model claims to have no attention heads\.",
        r"This model's header gives a .* that can't be\.",
        r"This model's list of attention heads doesn't fit its layers\.",
        r"This model's embedding length can't be split among its heads\.",
        r"This model's normalisation can't be computed \(bad epsilon\)\.",
    )
)
"""Every reason that a header is refused for."""

EDGES = (0, 1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def known_reason(reason: str) -> bool:
    """Whether a refusal is one of the closed list."""
    return any(pattern.fullmatch(reason) for pattern in REASONS)


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


def _places(content: bytes) -> list[int]:
    """Where values begin: behind each key's name."""
    return [
        match.end() for match in re.finditer(rb"(general|llama|tokenizer|blk)\.[\w.]+", content)
    ]
