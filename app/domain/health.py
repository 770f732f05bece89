"""How well a model answers, judged by its last answers; local and remote alike.

A model is compared with itself: its own usual speed and its own usual wait for the first token.
What the person cancelled, and requests that no model could serve, say nothing about it.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import median

from app.domain.base import Frozen
from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.domain.generation import FinishReason, GenerationStats
from app.domain.models import Capability, ModelId, ModelSpec, ModelStatus

SAMPLES = 5
"""So many answers are judged together; fewer say nothing."""
FAILURES = 4
"""So many of them failed: it had better be left alone for a while."""
BACK_SAMPLES = 3
"""So many good answers in a row end a degradation."""
BACK_MARGIN = 0.2
"""And they have to be better than the threshold by this share, so that it doesn't flap."""
FIRST_COOL_DOWN = 30.0
"""Seconds; each probe that fails doubles it."""
LONGEST_COOL_DOWN = 900.0
LEAST_TOKENS = 8
"""An answer of fewer tokens has no speed worth the name."""
LEAST_PROMPT = 64
"""Tokens; shorter prompts wait for what any prompt waits for, and count as this long."""
LEAST_CONTEXT = 4096
"""Tokens; a stand-in with less would cut ordinary conversations short."""
SLOWEST_WEIGHT = 0.05
"""What one more answer weighs in what is usual."""

_REQUESTS = frozenset(
    {
        ErrorKind.REQUEST,
        ErrorKind.CONTEXT_OVERFLOW,
        ErrorKind.HISTORY_OVERFLOW,
        ErrorKind.TEMPLATE,
        ErrorKind.CANCELLED,
        ErrorKind.CONTENT,
        ErrorKind.BUDGET,
        ErrorKind.KEY,
        ErrorKind.KEYRING,
    }
)
"""Failures of a request or of its key, not of the model."""


class HealthState(StrEnum):
    """How well a model answers."""

    OK = "ok"
    DEGRADED = "degraded"
    """It answers, and much slower than it usually does."""
    COOLING_DOWN = "cooling_down"
    """Most of its answers failed; after a while the next one is its probe."""
    DOWN = "down"
    """It crashed or couldn't be loaded."""


class Health(Frozen):
    """A model's state, with the reason in words a person reads."""

    state: HealthState = HealthState.OK
    reason: str = ""
    until: float | None = None
    """Seconds since the epoch; set while it cools down."""


class Outcome(Frozen):
    """What one answer says about its model."""

    at: float
    """Seconds since the epoch."""
    failed: bool = False
    retry_at: float | None = None
    """When the provider wants to be asked again, in seconds since the epoch."""
    tokens_per_second: float | None = None
    wait: float | None = None
    """Seconds to the first token for each token of the prompt that was new to it."""


class HealthRecord(Frozen):
    """What a judgement rests on."""

    health: Health = Health()
    recent: tuple[Outcome, ...] = ()
    usual_speed: float | None = None
    """Tokens a second."""
    usual_wait: float | None = None
    answers: int = 0
    """Good ones that made what is usual."""
    cool_downs: int = 0
    """In a row."""


def outcome_of(
    stats: GenerationStats, error: ErrorReport | None, at: float, *, cold: bool
) -> Outcome | None:
    """What an answer says about its model; None when it says nothing.

    Args:
        stats: the answer's figures.
        error: why it failed.
        at: when it ended, in seconds since the epoch.
        cold: it was the first after a load, which pays for what later ones find.
    """
    if error is not None and error.kind in _REQUESTS:
        return None
    if stats.finish is FinishReason.FAILED:
        return Outcome(at=at, failed=True, retry_at=error.retry_at if error is not None else None)
    if stats.output_tokens == 0:
        return None
    if cold:
        return Outcome(at=at)
    first, fresh = stats.time_to_first_token, stats.prompt_tokens - stats.cached_tokens
    return Outcome(
        at=at,
        tokens_per_second=stats.tokens_per_second if stats.output_tokens >= LEAST_TOKENS else None,
        wait=first / max(LEAST_PROMPT, fresh) if first is not None else None,
    )


def after_answer(before: HealthRecord, outcome: Outcome, share: float) -> HealthRecord:
    """The record after one more answer.

    Args:
        before: the record.
        outcome: what the answer says.
        share: of its usual speed; a model that falls below it is degraded.
    """
    if before.health.state is HealthState.DOWN:
        return before
    record = before.model_copy(update={"recent": (*before.recent, outcome)[-SAMPLES:]})
    if outcome.retry_at is not None:
        return _cool_down(record, outcome.at, "it asks to be left alone", outcome.retry_at)
    if before.health.state is HealthState.COOLING_DOWN:
        return _after_probe(record, outcome)
    failures = sum(item.failed for item in record.recent)
    if len(record.recent) == SAMPLES and failures >= FAILURES:
        reason = f"{failures} of its last {SAMPLES} answers failed"
        return _cool_down(record, outcome.at, reason)
    return _after_served(record, outcome, share)


def after_down(before: HealthRecord, reason: str) -> HealthRecord:
    """The record after a crash or a failed load."""
    health = Health(state=HealthState.DOWN, reason=reason)
    return before.model_copy(update={"health": health, "recent": ()})


def after_ready(before: HealthRecord) -> HealthRecord:
    """The record after a load: its first token was the probe, and what is usual stays."""
    return before.model_copy(update={"health": Health(), "recent": (), "cool_downs": 0})


def _after_served(record: HealthRecord, outcome: Outcome, share: float) -> HealthRecord:
    """Judge the speed of a model that answers."""
    if record.health.state is HealthState.DEGRADED:
        good = _as_usual(record, record.recent[-BACK_SAMPLES:], min(1.0, share + BACK_MARGIN))
        return record.model_copy(update={"health": Health(), "recent": ()}) if good else record
    reason = _slow(record, share)
    if reason:
        degraded = Health(state=HealthState.DEGRADED, reason=reason)
        return record.model_copy(update={"health": degraded})
    return _with_usual(record, outcome, share)


def _after_probe(record: HealthRecord, outcome: Outcome) -> HealthRecord:
    until = record.health.until
    if until is not None and outcome.at < until:
        # Some asked all the same; only what comes after the pause tells whether it helped.
        return record
    if outcome.failed:
        return _cool_down(record, outcome.at, "it failed again after a pause")
    return record.model_copy(update={"health": Health(), "recent": (), "cool_downs": 0})


def _cool_down(
    record: HealthRecord, at: float, reason: str, until: float | None = None
) -> HealthRecord:
    wait = min(LONGEST_COOL_DOWN, FIRST_COOL_DOWN * 2.0 ** min(record.cool_downs, 16))
    health = Health(
        state=HealthState.COOLING_DOWN,
        reason=reason,
        until=at + wait if until is None else max(at, until),
    )
    return record.model_copy(update={"health": health, "cool_downs": record.cool_downs + 1})


def _slow(record: HealthRecord, share: float) -> str:
    """Why the last answers are much worse than usual; empty when they aren't."""
    speeds = [item.tokens_per_second for item in record.recent if item.tokens_per_second]
    if record.usual_speed and len(speeds) == SAMPLES:
        now = median(speeds)
        if now < share * record.usual_speed:
            return f"it writes {now:.3g} tokens a second, usually {record.usual_speed:.3g}"
    waits = [item.wait for item in record.recent if item.wait]
    if record.usual_wait and len(waits) == SAMPLES:
        now = median(waits)
        if record.usual_wait < share * now:
            return f"its first token takes {now / record.usual_wait:.2g} times as long as usually"
    return ""


def _as_usual(record: HealthRecord, recent: Sequence[Outcome], share: float) -> bool:
    if len(recent) < BACK_SAMPLES or any(item.failed for item in recent):
        return False
    speeds = [item.tokens_per_second for item in recent if item.tokens_per_second]
    waits = [item.wait for item in recent if item.wait]
    if not speeds and not waits:
        return False
    fast = not speeds or not record.usual_speed or min(speeds) >= share * record.usual_speed
    prompt = not waits or not record.usual_wait or record.usual_wait >= share * max(waits)
    return fast and prompt


def _with_usual(record: HealthRecord, outcome: Outcome, share: float) -> HealthRecord:
    """The record with a good answer made part of what is usual; a bad one would hide itself."""
    speed, wait = outcome.tokens_per_second, outcome.wait
    if speed is None and wait is None:
        return record
    if speed is not None and record.usual_speed and speed < share * record.usual_speed:
        return record
    if wait is not None and record.usual_wait and record.usual_wait < share * wait:
        return record
    weight = max(SLOWEST_WEIGHT, 1 / (record.answers + 1))
    return record.model_copy(
        update={
            "usual_speed": _moved(record.usual_speed, speed, weight),
            "usual_wait": _moved(record.usual_wait, wait, weight),
            "answers": record.answers + 1,
        }
    )


def _moved(old: float | None, new: float | None, weight: float) -> float | None:
    if old is None or new is None:
        return new if old is None else old
    return old + weight * (new - old)


class Candidate(Frozen):
    """A model that might stand in for another one."""

    spec: ModelSpec
    ready: bool
    fits: bool
    """It is loaded, or can be beside what is loaded."""
    health: HealthState
    tokens_per_second: float | None = None


def stand_in(leaving: ModelSpec, candidates: Iterable[Candidate]) -> ModelId | None:
    """The model to send prompts to instead: one that can do the same, loaded rather than not.

    What is said to a model on this machine never leaves it of itself.

    Args:
        leaving: the model that answers badly.
        candidates: the models to choose from.
    """
    needed = {capability for capability in Capability if leaving.can(capability)}
    able = [
        item
        for item in candidates
        if item.spec.id != leaving.id
        and (item.spec.remote is None or leaving.remote is not None)
        and item.health is HealthState.OK
        and (item.ready or (item.fits and item.spec.status is ModelStatus.AVAILABLE))
        and all(item.spec.can(capability) for capability in needed)
        and (item.spec.context_length or 0) >= min(leaving.context_length or 0, LEAST_CONTEXT)
    ]
    best = max(able, key=lambda item: (item.ready, item.tokens_per_second or 0.0), default=None)
    return best.spec.id if best is not None else None
