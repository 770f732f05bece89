"""Which turns of a conversation a model is shown when not all of them fit into its context."""

from collections.abc import Sequence

from app.domain.generation import ChatMessage, Role

FILLED = 0.75
"""How much of the room the turns that stay may take: the rest is for answers to come, so that the
next prompt doesn't lead to another cut."""

Turns = Sequence[ChatMessage]


def without_oldest(turns: Turns, count: int) -> tuple[ChatMessage, ...]:
    """The turns without the first `count` that aren't the system's."""
    start = _start(turns)
    return (*turns[:start], *turns[start + count :])


def next_cut(turns: Turns, count: int, share: float) -> int | None:
    """How many turns to leave out when leaving out `count` isn't enough; None when nothing helps.

    A prompt is never parted from its answer, and the last prompt stays.

    Args:
        turns: the whole conversation.
        count: how many turns were left out.
        share: how much of what was shown there is room for, 0 to 1; 0 where that isn't known.
    """
    cuts = [cut for cut in _cuts(turns) if cut > count]
    if not cuts or share <= 0:
        return next(iter(cuts), None)
    room = _length(without_oldest(turns, count)) * share * FILLED
    return next((cut for cut in cuts if _length(without_oldest(turns, cut)) <= room), cuts[-1])


def fits_without_oldest(turns: Turns, share: float) -> bool:
    """Whether a conversation that doesn't fit would do so, by its length, without older turns.

    Args:
        turns: the whole conversation.
        share: how much of it there is room for, 0 to 1; 0 where that isn't known.
    """
    cuts = _cuts(turns)
    if not cuts or share <= 0:
        return bool(cuts)
    return _length(without_oldest(turns, cuts[-1])) < _length(turns) * share


def still_left_out(turns: Turns, before: int, prompt_tokens: int, context_length: int) -> int:
    """How many turns to leave out from the start, so that the model finds what it has computed.

    Args:
        turns: the whole conversation.
        before: how many turns the last answer was written without.
        prompt_tokens: that answer's prompt.
        context_length: tokens that there is room for now, which may be another model's.
    """
    count = max((cut for cut in _cuts(turns) if cut <= before), default=0)
    if not count:
        return 0
    shown = max(1, _length(without_oldest(turns, count)))
    whole = prompt_tokens * _length(turns) / shown
    return 0 if whole < context_length * FILLED else count


def _start(turns: Turns) -> int:
    return next((at for at, turn in enumerate(turns) if turn.role is not Role.SYSTEM), len(turns))


def _cuts(turns: Turns) -> list[int]:
    """How many turns may be left out, so that a prompt comes first."""
    start = _start(turns)
    return [at - start for at in range(start + 1, len(turns)) if turns[at].role is Role.USER]


def _length(turns: Turns) -> int:
    return sum(len(turn.text) for turn in turns)
