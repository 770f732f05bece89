"""A request to a model and what comes back of it."""

from enum import StrEnum

from app.domain.base import Frozen
from app.domain.chat_templates import Thinking

PROMPT_LIMIT = 4 * 1024 * 1024
"""Characters of one request, as many as a chat template may write; more fit into no frame."""


class Role(StrEnum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class ChatMessage(Frozen):
    """One turn as a chat template sees it."""

    role: Role
    text: str


class Sampling(Frozen):
    """How the next token is chosen."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int | None = None
    """None draws a new seed for each request."""
    typical_p: float = 1.0
    """1 leaves it out."""
    repeat_penalty: float = 1.0
    """Divides the odds of tokens that were there before; 1 leaves it out."""
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64
    """How many tokens back the penalties look."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """What to add to the log-odds of single tokens."""
    grammar: str = ""
    """GBNF that the answer must follow."""
    json_schema: str = ""
    """A JSON schema that the answer must follow, where there is no grammar."""


class GenerationRequest(Frozen):
    """One prompt: either turns for the model's chat template, or plain text to continue."""

    messages: tuple[ChatMessage, ...] = ()
    prompt: str = ""
    sampling: Sampling = Sampling()
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    ignore_end: bool = False
    """Go on past the model's own end of text, so that a measured run has a fixed length."""
    thinking: Thinking | None = None
    """How much to reason, where the template can be told; None leaves it to the template."""

    @property
    def length(self) -> int:
        """Characters of the whole prompt."""
        return len(self.prompt) + sum(len(turn.text) for turn in self.messages)


class FinishReason(StrEnum):
    """Why an answer ended."""

    END = "end"
    LENGTH = "length"
    STOP_SEQUENCE = "stop_sequence"
    CANCELLED = "cancelled"
    FAILED = "failed"


class TextPiece(Frozen):
    """Some new text of an answer, with one time stamp for each token behind it.

    A piece in which the model ends its reasoning may carry both kinds of text; reasoning is first.
    Stamps are nanoseconds of the machine's monotonic clock (`time.monotonic_ns`), which parent and
    worker share. A piece may carry stamps and no text: bytes that end inside a character wait.
    """

    text: str
    stamps_ns: tuple[int, ...]
    reasoning: str = ""
    """What the model thinks before it answers; no part of the answer."""


class GenerationStats(Frozen):
    """The figures of one finished request; durations in seconds."""

    finish: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Those of the prompt's tokens that the model had computed before."""
    output_tokens: int = 0
    time_to_first_token: float | None = None
    """From submission to the first token, template and tokenising included."""
    tokens_per_second: float | None = None
    """(n - 1) / (last stamp - first stamp); None for answers of fewer than two tokens."""
    threads: int | None = None
    """Threads in force when the answer ended; None where nobody says."""
    untaken: tuple[str, ...] = ()
    """What was asked for and the provider doesn't take, by the field's name."""
    reasoning_tokens: int = 0
    """Those of the output's tokens that are reasoning, where the provider counts them."""


class GenerationEnd(Frozen):
    """The last item of a stream."""

    stats: GenerationStats


GenerationUpdate = TextPiece | GenerationEnd


def measure(
    submitted_ns: int,
    stamps_ns: tuple[int, ...],
    *,
    finish: FinishReason,
    prompt_tokens: int,
    cached_tokens: int = 0,
    threads: int | None = None,
) -> GenerationStats:
    """The figures that follow from the time stamps of one request."""
    first = (stamps_ns[0] - submitted_ns) / 1e9 if stamps_ns else None
    span = stamps_ns[-1] - stamps_ns[0] if len(stamps_ns) > 1 else 0
    return GenerationStats(
        finish=finish,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        output_tokens=len(stamps_ns),
        time_to_first_token=first,
        tokens_per_second=(len(stamps_ns) - 1) / (span / 1e9) if span > 0 else None,
        threads=threads,
    )
