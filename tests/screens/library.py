"""The models that the pictures show."""

from pathlib import Path

from tests.support.models import (
    CHAT_TEMPLATE,
    write_broken,
    write_embedding,
    write_gemma,
    write_llama,
    write_quantised,
    write_qwen2,
    write_sharded,
    write_slow_llama,
)

SLOW, QWEN, GEMMA = "Slow Llama", "Tiny Qwen2", "Tiny Gemma"
EMBEDDING, GONE = "Tiny Embedding", "Vanishing Llama"
PLAIN, THINKER = "Plain Llama", "Thinking Llama"
QUANTISED, REFUSING = "Tiny Q4_0", "Refusing Llama"
OPENS_REASONING = (
    f"{CHAT_TEMPLATE}{{% if enable_thinking is not false %}}<think>\n"
    "{% else %}<think>\n\n</think>\n\n{% endif %}"
)
ENDLESS = "Endless Llama"
"""Its full context is larger than any memory."""
ENDLESS_CONTEXT = 500_000_000


def write_library(folder: Path) -> None:
    """Write models of every kind, some of them broken."""
    write_slow_llama(folder / "slow-llama.gguf", name=SLOW)
    write_qwen2(folder / "tiny-qwen2.gguf", name=QWEN)
    write_gemma(folder / "tiny-gemma.gguf", name=GEMMA)
    write_embedding(folder / "tiny-embedding.gguf", name=EMBEDDING)
    write_llama(folder / "plain-llama.gguf", name=PLAIN, chat_template=None, seed=7)
    write_llama(
        folder / "thinking-llama.gguf", name=THINKER, chat_template=OPENS_REASONING, seed=10
    )
    write_llama(folder / "vanishing-llama.gguf", name=GONE, seed=8)
    write_llama(folder / "endless.gguf", name=ENDLESS, context=ENDLESS_CONTEXT, seed=10)
    write_llama(
        folder / "long-name.gguf",
        name="A Model With a Rather Long Name That Has to Be Cut Somewhere, Instruct",
        seed=9,
    )
    write_quantised(folder / "tiny-q4_0.gguf", name=QUANTISED)
    refusal = "{{ raise_exception('Conversations must begin with a system prompt') }}"
    write_llama(
        folder / "refusing-llama.gguf",
        name=REFUSING,
        chat_template=CHAT_TEMPLATE + refusal,
        seed=11,
    )
    write_sharded(folder / "sharded")
    write_broken(folder / "broken")
