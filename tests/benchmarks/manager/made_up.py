"""Models that don't exist, as varied as those on a hub, and a state file that holds them."""

import asyncio
import hashlib
import tempfile
from pathlib import Path

from app.domain.models import Capability, CapabilityFact, ModelId, ModelShape, ModelSpec
from app.storage.stores import open_storage

MAKERS = (
    ("Qwen", "qwen2", ("Qwen2.5", "Qwen3", "Qwen2.5-Coder", "QwQ")),
    ("meta-llama", "llama", ("Llama-3.1", "Llama-3.2", "CodeLlama")),
    ("mistralai", "llama", ("Mistral-Nemo", "Ministral", "Codestral")),
    ("google", "gemma2", ("gemma-2", "gemma-3")),
    ("microsoft", "phi3", ("Phi-3.5-mini", "Phi-4")),
    ("HuggingFaceTB", "llama", ("SmolLM2",)),
    ("BAAI", "bert", ("bge-small-en", "bge-m3")),
)
SIZES = (
    ("0.5B", 24, 896),
    ("1.7B", 28, 2048),
    ("3B", 36, 2048),
    ("8B", 32, 4096),
    ("70B", 80, 8192),
)
TUNES = ("Instruct", "Base", "Chat", "Abliterated", "Roleplay", "Merge", "Reasoning", "Tulu")
QUANTS = ("Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")
BATCH = 5_000


def spec(number: int) -> ModelSpec:
    """One made-up model of a file; another number gives another one."""
    account, architecture, families = MAKERS[number % len(MAKERS)]
    family = families[number // 7 % len(families)]
    size, layers, width = SIZES[number // 3 % len(SIZES)]
    tune, quant = TUNES[number // 11 % len(TUNES)], QUANTS[number // 5 % len(QUANTS)]
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    name = f"{family}-{size}-{tune}-{digest[:6]}"
    chats = architecture != "bert"
    return ModelSpec(
        id=ModelId(f"local:{digest[:32]}"),
        provider="local",
        name=name,
        path=f"/home/someone/models/{account}/{name}-GGUF/{name}-{quant}.gguf",
        size_bytes=400_000_000 + number * 4_096,
        modified_ns=1_790_000_000_000_000_000 + number,
        architecture=architecture,
        parameters=int(float(size[:-1]) * 1e9),
        quantisation=quant,
        context_length=32_768,
        capabilities=(
            CapabilityFact(
                capability=Capability.CHAT, value=chats, source="chat template in the file"
            ),
            CapabilityFact(
                capability=Capability.COMPLETION,
                value=chats,
                source="the file doesn't pool its output",
            ),
            CapabilityFact(
                capability=Capability.EMBEDDING,
                value=not chats,
                source="the file doesn't pool its output",
            ),
        ),
        shape=ModelShape(
            block_count=layers,
            embedding_length=width,
            head_count=32,
            kv_heads=(8,) * layers,
            key_length=128,
            value_length=128,
            vocabulary=151_936,
            feed_forward_length=4 * width,
            repacked_bytes=width * 100_000 if quant == "Q4_0" else 0,
        ),
    )


def state_of(count: int) -> Path:
    """The path of a state file with so many models, made once for these tables and this data."""
    recipe = Path(__file__).read_bytes() + _schema()
    mark = hashlib.sha256(recipe).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / "modelyard-benchmarks" / f"manager-{mark}-{count}"
    path = folder / "state.db"
    if not (folder / "whole").exists():
        path.unlink(missing_ok=True)
        asyncio.run(_fill(path, count))
        (folder / "whole").touch()
    return path


def _schema() -> bytes:
    from app.storage import schema

    return repr(schema.MIGRATIONS).encode()


async def _fill(path: Path, count: int) -> None:
    storage = await open_storage(path)
    for start in range(0, count, BATCH):
        await storage.models.save_models([spec(n) for n in range(start, min(start + BATCH, count))])
    await storage.aclose()
