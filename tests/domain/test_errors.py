"""Errors as values, worded for people."""

import pytest

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import (
    AppError,
    ErrorKind,
    ModelError,
    RequestError,
    StorageError,
    WorkerCrashed,
)


def family(kind: type[AppError]) -> list[type[AppError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in family(child))]


def test_that_an_error_becomes_a_value_with_all_its_words():
    error = WorkerCrashed("The model's process ended.", "Load it again.", "SIGSEGV")
    assert report_of(error) == ErrorReport(
        kind=ErrorKind.CRASHED,
        what="The model's process ended.",
        remedy="Load it again.",
        detail="SIGSEGV",
    )
    assert report_of(error) == report_of(error)


def test_that_the_text_of_an_error_leaves_the_detail_out():
    error = StorageError("It can't be saved.", "Free some space.", "errno 28")
    assert str(error) == "It can't be saved. Free some space."


def test_that_a_fault_of_our_own_is_internal_and_keeps_its_detail():
    report = report_of(KeyError("missing"))
    assert report.kind is ErrorKind.INTERNAL
    assert report.detail == "KeyError: 'missing'"
    assert report.what.endswith(".")
    assert report.remedy.endswith(".")


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_that_every_kind_belongs_to_one_error_and_internal_to_the_rest(kind):
    owners = [error for error in family(AppError) if "kind" in vars(error) and error.kind is kind]
    assert len(owners) == 1


def test_that_what_a_face_may_catch_together_stands_together():
    assert issubclass(WorkerCrashed, ModelError)
    assert not issubclass(WorkerCrashed, RequestError)
    assert all(issubclass(error, AppError) for error in family(RequestError))
