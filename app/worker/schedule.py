"""What the next step of a model computes: pure decisions over what its slots wait for.

A slot keeps one conversation's tokens in the model's memory. A stream waits for one token, the one
chosen last; a prompt waits for many.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

CHUNK = 128
"""Tokens of a prompt between two tokens of the streams beside it: a longer chunk makes the streams
wait longer, a shorter one makes the prompt itself slower."""
SHORTEST = 64
"""Tokens of a prompt that are computed at once at least, where there are so many. Parts are whole
multiples of it but for the last: on a processor, llama.cpp's flash attention takes as long for 63
tokens as for 128."""
CHUNK_SECONDS = 0.5
SAMPLES = 4
EXPLORED = 2
"""Steps of each kind that a choice is made on."""
EXPLORE_AGAIN = 1024
"""Steps after which the slower kind gets another chance: a context grows, a machine changes."""


class Waiting(NamedTuple):
    """A slot with tokens that aren't computed yet."""

    slot: int
    tokens: int
    arrival: int
    """Counts the requests; the older one has the lower number."""


class Step(NamedTuple):
    """What is computed before anything is decided anew."""

    streams: tuple[int, ...]
    """Slots that get one token each, in increasing order: llama.cpp splits any other."""
    prompt: int | None
    """The slot whose prompt gets a part computed."""
    part: int
    """Tokens of that part."""


def plan(waiting: Sequence[Waiting], *, batch: int, micro_batch: int, chunk: int) -> Step:
    """The next step: a token for every stream, and a part of the oldest prompt.

    Args:
        waiting: the slots that wait.
        batch: the longest part, for a prompt that keeps nobody waiting.
        micro_batch: what llama.cpp cuts a part into.
        chunk: the longest part beside streams.
    """
    streams = tuple(sorted(slot.slot for slot in waiting if slot.tokens == 1))
    prompts = [slot for slot in waiting if slot.tokens > 1]
    if not prompts:
        return Step(streams, None, 0)
    oldest = min(prompts, key=lambda slot: slot.arrival)
    limit = min(chunk, batch) if streams else batch
    if oldest.tokens < 2 * SHORTEST:
        limit = batch
    return Step(streams, oldest.slot, part_of(oldest.tokens, limit, micro_batch))


def part_of(tokens: int, limit: int, micro_batch: int) -> int:
    """How many of a prompt's tokens come next, so that no few are left over for the end."""
    part = min(tokens, limit)
    over = tokens - part or part % micro_batch
    if 0 < over < SHORTEST and tokens - SHORTEST >= SHORTEST:
        part = min(part, tokens - SHORTEST)
    if part == tokens or part < SHORTEST:
        return part
    return part - part % SHORTEST


def chunk_for(tokens_per_second: float | None) -> int:
    """The longest part of a prompt beside streams, so that they never wait long for it."""
    if tokens_per_second is None:
        return CHUNK
    return CHUNK if tokens_per_second * CHUNK_SECONDS >= CHUNK else SHORTEST


class Held(NamedTuple):
    """A slot that is free, with what the model still remembers in it."""

    slot: int
    tokens: int
    common: int
    """Tokens at the beginning that the new prompt shares."""
    used: int
    """When it was used last; 0 for never."""


def choose_slot(free: Sequence[Held]) -> Held:
    """The slot for a new prompt.

    The longest common beginning wins where it saves at least half of what taking the slot throws
    away; otherwise the slot that was used least recently goes.
    """
    best = max(free, key=lambda held: held.common)
    if best.common and 2 * best.common >= best.tokens - best.common:
        return best
    return min(free, key=lambda held: held.used)


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their beginning."""
    length = min(len(left), len(right))
    if left[:length] == right[:length]:
        return length
    low, high = 0, length - 1
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def middle(samples: Collection[float]) -> float:
    """The median; the module for statistics would cost a worker 10 ms."""
    ordered, half = sorted(samples), len(samples) // 2
    return (ordered[half] + ordered[-half - 1]) / 2


class Pace:
    """Learns whether a batch of streams is faster than computing them one after another.

    It depends on the weights' type and the processor: F16 gains twofold, Q8_0 may lose.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, bool], deque[float]] = {}
        self._steps: dict[int, int] = {}

    def batched(self, streams: int) -> bool:
        """Whether so many streams go into one batch now."""
        together = self._seconds.get((streams, True), ())
        apart = self._seconds.get((streams, False), ())
        if len(together) < EXPLORED:
            return True
        if len(apart) < EXPLORED:
            return False
        faster = middle(together) <= middle(apart)
        again = self._steps[streams] % EXPLORE_AGAIN < EXPLORED
        return faster != again

    def note(self, streams: int, batched: bool, seconds: float) -> None:
        """Remember what one token for each of so many streams took."""
        self._seconds.setdefault((streams, batched), deque(maxlen=SAMPLES)).append(seconds)
        self._steps[streams] = self._steps.get(streams, 0) + 1
