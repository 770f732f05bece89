"""How a model's health follows from its last answers."""

from app.domain.error_reports import ErrorReport
from app.domain.errors import ErrorKind
from app.domain.generation import FinishReason, GenerationStats
from app.domain.health import (
    FIRST_COOL_DOWN,
    SAMPLES,
    Candidate,
    HealthRecord,
    HealthState,
    Outcome,
    after_answer,
    after_down,
    after_ready,
    outcome_of,
    stand_in,
)
from app.domain.models import ModelStatus, RemoteFacts
from tests.support.fakes import spec

SHARE = 0.4


def answers(record: HealthRecord, *speeds: float | None, at: float = 0.0) -> HealthRecord:
    """The record after answers of these speeds; None is one that failed."""
    for speed in speeds:
        outcome = Outcome(at=at, failed=speed is None, tokens_per_second=speed)
        record = after_answer(record, outcome, SHARE)
    return record


USUAL = answers(HealthRecord(), *[50.0] * 10)


def test_that_too_few_slow_answers_say_nothing() -> None:
    assert answers(USUAL, 10.0).health.state is HealthState.OK
    assert answers(USUAL, 10.0, 10.0).health.state is HealthState.OK
    slow = answers(USUAL, 10.0, 10.0, 10.0)
    assert slow.health.state is HealthState.DEGRADED
    assert slow.health.reason == "it writes 10 tokens a second, usually 50"


def test_that_slow_answers_do_not_become_usual() -> None:
    assert answers(USUAL, *[10.0] * 50).usual_speed == 50.0


def test_that_a_degradation_ends_with_answers_clearly_above_the_threshold() -> None:
    slow = answers(USUAL, *[10.0] * SAMPLES)
    assert answers(slow, *[22.0] * 20).health.state is HealthState.DEGRADED
    assert answers(slow, 40.0, 40.0).health.state is HealthState.DEGRADED
    assert answers(slow, 40.0, 40.0, 40.0).health.state is HealthState.OK


def test_that_a_long_wait_for_the_first_token_is_a_degradation() -> None:
    record = HealthRecord()
    for wait in [0.01] * 10 + [0.05] * SAMPLES:
        record = after_answer(record, Outcome(at=0.0, wait=wait), SHARE)
    assert record.health.reason == "its first token takes 5 times as long as usually"


def test_that_one_failure_says_nothing_and_most_of_five_do() -> None:
    assert answers(USUAL, None).health.state is HealthState.OK
    failing = answers(USUAL, None, None, None, None, at=100.0)
    assert failing.health.state is HealthState.COOLING_DOWN
    assert failing.health.until == 100.0 + FIRST_COOL_DOWN
    assert failing.health.reason == "4 of its last 5 answers failed"


def test_that_the_first_answer_after_the_pause_is_its_probe() -> None:
    failing = answers(USUAL, *[None] * 4, at=100.0)
    early = answers(failing, 50.0, at=110.0)
    assert early.health.state is HealthState.COOLING_DOWN
    assert answers(early, 50.0, at=131.0).health.state is HealthState.OK
    again = answers(early, None, at=131.0)
    assert again.health.until == 131.0 + 2 * FIRST_COOL_DOWN


def test_that_a_provider_that_names_a_time_is_left_alone_until_then() -> None:
    limited = after_answer(USUAL, Outcome(at=5.0, failed=True, retry_at=65.0), SHARE)
    assert (limited.health.state, limited.health.until) == (HealthState.COOLING_DOWN, 65.0)


def test_that_a_model_that_is_down_is_well_again_once_it_is_ready() -> None:
    down = after_down(USUAL, "It crashed.")
    assert answers(down, 50.0).health.state is HealthState.DOWN
    ready = after_ready(down)
    assert ready.health.state is HealthState.OK
    assert ready.usual_speed == 50.0


def test_that_only_what_the_model_did_counts() -> None:
    good = GenerationStats(
        finish=FinishReason.END,
        prompt_tokens=200,
        cached_tokens=100,
        output_tokens=20,
        time_to_first_token=0.5,
        tokens_per_second=30.0,
    )
    outcome = outcome_of(good, None, 1.0, cold=False)
    assert outcome == Outcome(at=1.0, tokens_per_second=30.0, wait=0.005)
    assert outcome_of(good, None, 1.0, cold=True) == Outcome(at=1.0)
    failed = GenerationStats(finish=FinishReason.FAILED)
    crash = ErrorReport(kind=ErrorKind.CRASHED, what="It crashed.", remedy="Load it.")
    overflow = crash.model_copy(update={"kind": ErrorKind.CONTEXT_OVERFLOW})
    assert outcome_of(failed, crash, 1.0, cold=False) == Outcome(at=1.0, failed=True)
    assert outcome_of(failed, overflow, 1.0, cold=False) is None
    stopped = GenerationStats(finish=FinishReason.CANCELLED)
    assert outcome_of(stopped, None, 1.0, cold=False) is None


def test_that_a_stand_in_can_do_the_same_and_is_well_and_rather_loaded() -> None:
    def candidate(name: str, **changes: object) -> Candidate:
        fields = {"ready": True, "fits": True, "health": HealthState.OK, **changes}
        return Candidate(spec=fields.pop("spec", spec(name)), **fields)

    leaving = spec("leaving")
    assert stand_in(leaving, [candidate("leaving")]) is None
    assert stand_in(leaving, [candidate("ill", health=HealthState.DEGRADED)]) is None
    assert stand_in(leaving, [candidate("mute", spec=spec("mute", capabilities=()))]) is None
    assert stand_in(leaving, [candidate("big", ready=False, fits=False)]) is None
    short = spec("short", context_length=512)
    assert stand_in(leaving, [candidate("short", spec=short)]) is None
    gone = spec("gone", status=ModelStatus.MISSING)
    assert stand_in(leaving, [candidate("gone", spec=gone, ready=False)]) is None
    facts = RemoteFacts(model="far", source="a server's list of models")
    far = candidate("far", spec=spec("far", remote=facts))
    assert stand_in(leaving, [far]) is None
    assert stand_in(spec("as far", remote=facts), [far]) == far.spec.id
    slow = candidate("slow", tokens_per_second=5.0)
    fast = candidate("fast", tokens_per_second=50.0)
    unloaded = candidate("unloaded", ready=False, tokens_per_second=90.0)
    assert stand_in(leaving, [slow, unloaded, fast]) == fast.spec.id
    assert stand_in(leaving, [unloaded]) == unloaded.spec.id
