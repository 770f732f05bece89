"""Requests and the slots that hold their conversations."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.worker.llama_model import LlamaModel
from app.worker.protocol import Generate, Message
from app.worker.samplers import Sampler
from app.worker.schedule import Held, choose_slot, common_length
from app.worker.token_stream import TokenStream


@dataclass(slots=True, eq=False)
class Job:
    """One request, waiting or at work."""

    request: int
    message: Message
    tokens: list[int] = field(default_factory=list)
    """The prompt's."""
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class Answer:
    """A request at work in a slot."""

    job: Job
    arrival: int
    sampler: Sampler
    stream: TokenStream
    prompt: bytes
    prompt_tokens: int
    cached_tokens: int
    left: int
    """Tokens that may still come."""
    ignore_end: bool
    written: dict[int, bytes]
    """The text of control tokens that stand for one in this answer."""
    pieces: list[bytes] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Slot:
    """One conversation in the model's memory, with or without a request at work on it."""

    number: int
    tokens: list[int] = field(default_factory=list)
    computed: int = 0
    """How many of the tokens the model's memory holds; the others wait."""
    text: bytes = b""
    """The prompt and answer that the tokens stand for; empty when that isn't known."""
    used: int = 0
    """When its last request came, by arrival."""
    answer: Answer | None = None

    def forget(self) -> None:
        """Hold nothing."""
        self.tokens, self.computed, self.text = [], 0, b""


def place(
    free: Sequence[Slot], job: Job, request: Generate, model: LlamaModel, limit: int
) -> tuple[Slot, list[int], int]:
    """Where a prompt goes.

    Args:
        free: slots without a request.
        job: the request, tokenised.
        request: the same request's message.
        model: whose vocabulary it is.
        limit: tokens that the prompt must stay below.

    Returns:
        The slot, the prompt's tokens there, and how many of them the slot shares.
    """
    prompt = request.prompt.encode(errors="replace")
    choices = {}
    for slot in free:
        tokens = (request.special and continued(slot, prompt, model)) or job.tokens
        if len(tokens) >= limit:
            tokens = job.tokens
        common = min(common_length(slot.tokens, tokens), slot.computed, len(tokens) - 1)
        choices[slot.number] = slot, tokens, common
    held = [
        Held(slot.number, slot.computed, common, slot.used) for slot, _, common in choices.values()
    ]
    return choices[choose_slot(held).slot]


def continued(slot: Slot, prompt: bytes, model: LlamaModel) -> list[int] | None:
    """The tokens of a prompt that begins with a slot's whole text; None when it doesn't.

    The tokens that a model chose are rarely those that its text would be cut into, so a
    conversation that returns is known by its text. Only where a control token follows is the cut
    the same as in the text as a whole.
    """
    if not slot.text or not prompt.startswith(slot.text):
        return None
    rest = model.tokenise_part(prompt[len(slot.text) :], special=True)
    return [*slot.tokens, *rest] if rest and model.is_control(rest[0]) else None
