"""Every end of a worker is worded: what happened, what to do, and the detail apart."""

from dataclasses import dataclass

import pytest

from app.domain.errors import DoesNotFit, InvalidFile, WorkerCrashed
from app.providers import failures
from app.worker.protocol import Refusal, Refused


@dataclass
class Ended:
    code: int
    stderr: str = "last words"
    starved: bool = False


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (-9, "SIGKILL"),
        (-6, "SIGABRT"),
        (-99, "signal 99"),
        (3, "status 3"),
        (0xC0000005, "SIGSEGV"),
        (0xC0000374, "status 0xc0000374"),
    ],
)
def test_that_a_crash_names_its_end(code, name):
    error = failures.crash("Tiny", Ended(code))
    assert name in error.what
    assert "Tiny" in error.what
    assert error.detail == "last words"
    for sentence in (error.what, error.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (Ended(-6), InvalidFile),
        (Ended(-11), InvalidFile),
        (Ended(-6, "terminate called after throwing 'std::bad_alloc'"), DoesNotFit),
        (Ended(-9), WorkerCrashed),
        (Ended(1), WorkerCrashed),
    ],
)
def test_that_an_end_while_loading_blames_the_file_only_for_its_own_faults(ended, kind):
    assert type(failures.crash_while_loading("Tiny", ended)) is kind


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (Refused(Refusal.MODEL, "unknown model architecture"), InvalidFile),
        (Refused(Refusal.MODEL, "unable to allocate CPU buffer"), DoesNotFit),
        (Refused(Refusal.CONTEXT, "failed to allocate buffer for kv cache"), DoesNotFit),
        (Refused(Refusal.CONTEXT, "n_ctx"), InvalidFile),
    ],
)
def test_that_a_refused_load_is_told_from_a_lack_of_memory(refused, kind):
    assert type(failures.refused_load("Tiny", refused)) is kind


@pytest.mark.parametrize(
    ("trained", "way"),
    [(4096, "load the model with"), (2048, "ask a model with"), (None, "load the model with")],
)
def test_that_a_longer_context_is_offered_only_where_the_model_has_one(trained, way) -> None:
    refused = Refused(reason=Refusal.OVERFLOW, detail="", prompt_tokens=3000, context_length=2048)
    error = failures.refused_request("Llama", refused, trained)
    assert way in error.remedy
