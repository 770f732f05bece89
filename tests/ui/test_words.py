"""Figures as people read them."""

import pytest

from app.domain.generation import FinishReason, GenerationStats
from app.domain.instances import InstanceState, InstanceView, LeaseView
from app.domain.models import ModelId
from app.ui import words


@pytest.fixture(autouse=True)
def english():
    from PySide6.QtCore import QLocale

    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    yield
    QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12 B"),
        (420_000, "420 KB"),
        (379_000_000, "379 MB"),
        (999_999_999, "1.0 GB"),
        (4_680_000_000, "4.7 GB"),
        (None, "\N{EN DASH}"),
    ],
)
def test_that_sizes_carry_a_unit(value, text):
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0004, "0.40 ms"),
        (0.038, "38 ms"),
        (0.099, "99 ms"),
        (0.0996, "0.10 s"),
        (0.21, "0.21 s"),
        (0.999, "1.0 s"),
        (4.2, "4.2 s"),
        (9.96, "10 s"),
        (42.4, "42 s"),
        (120, "2 min"),
        (125, "2 min 5 s"),
        (5000, "1.4 h"),
    ],
)
def test_that_times_have_two_significant_digits(value, text):
    assert words.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (512, "512"),
        (4096, "4k"),
        (32768, "32k"),
        (128_000, "128k"),
        (131_072, "128k"),
        (2500, "2.5k"),
        (1 << 20, "1M"),
    ],
)
def test_that_contexts_are_short(value, text):
    assert words.context(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7_620_000_000, "7.6 B"),
        (134_500_000, "134 M"),
        (72_000_000_000, "72 B"),
        (None, "\N{EN DASH}"),
    ],
)
def test_that_parameters_are_counted_in_billions(value, text):
    assert words.parameters(value) == text


def test_that_speeds_lose_their_decimal_from_a_hundred_on():
    assert words.speed(24.12) == "24.1 tok/s"
    assert words.speed(142.3) == "142 tok/s"


def test_that_counts_follow_the_locale():
    from PySide6.QtCore import QLocale

    assert words.count(8192) == "8,192"
    QLocale.setDefault(QLocale(QLocale.Language.German))
    assert words.count(8192) == "8.192"
    assert words.size(4_680_000_000) == "4,7 GB"


def test_that_a_ready_model_with_leases_is_answering():
    view = InstanceView(model_id=ModelId("local:a"), generation=1, state=InstanceState.READY)
    assert words.state(view) == "ready"
    lease = LeaseView(owner="Playground", since=0.0)
    assert words.state(view.model_copy(update={"leases": (lease,)})) == "answering"


def test_that_loading_says_how_far():
    view = InstanceView(
        model_id=ModelId("local:a"), generation=1, state=InstanceState.LOADING, progress=0.42
    )
    assert words.state(view) == "loading 42 %"


def test_that_an_answer_says_its_figures():
    stats = GenerationStats(
        finish=FinishReason.END, output_tokens=312, time_to_first_token=0.21, tokens_per_second=24.1
    )
    assert words.answer_figures(stats) == "0.21 s to first token · 24.1 tok/s · 312 tokens"
