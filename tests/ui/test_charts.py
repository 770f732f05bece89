"""Charts: what they show of a run, and that their ranges stay calm."""

import pytest
from PySide6.QtGui import QGuiApplication

from app.domain.models import ModelId
from app.domain.profiles import ProfileRun, ProfileRunId, RequestProfile
from app.domain.settings import Theme as Choice
from app.ui.charts.picture import first_token_picture, latency_picture, speed_picture
from app.ui.charts.scale import ceiling, stepped, tick_text, ticks
from app.ui.theme import Theme
from app.ui.viewmodels.profile_series import (
    Series,
    Span,
    latency_percentiles,
    rolling_speed,
    series_of,
    spans,
)


def request(speed: float, gaps: int = 4) -> RequestProfile:
    return RequestProfile(
        prompt_tokens=3,
        time_to_first_token=0.05,
        tokens_per_second=speed,
        token_seconds=(1 / speed,) * gaps,
    )


RUN = ProfileRun(
    id=ProfileRunId("r"),
    model_id=ModelId("local:alpha"),
    model_name="alpha",
    started_at=0.0,
    context_length=4096,
    requests=(request(20.0, 30), request(40.0, 30), request(25.0, 60)),
)


def test_that_a_rolling_speed_needs_a_full_window() -> None:
    assert rolling_speed([]) == []
    assert rolling_speed([0.1, 0.1], window=4) == pytest.approx([10.0])
    assert rolling_speed([0.1, 0.1, 0.3], window=2) == pytest.approx([10.0, 5.0])
    assert rolling_speed([0.0, 0.0], window=2) == [0.0]


def test_that_requests_stand_where_their_tokens_are() -> None:
    assert spans(RUN.requests) == [Span(1, 30, 20.0), Span(31, 60, 40.0), Span(61, 120, 25.0)]


def test_that_percentiles_need_enough_tokens() -> None:
    assert latency_percentiles([]) == {}
    assert set(latency_percentiles([0.1] * 19)) == {50}
    assert set(latency_percentiles([0.1] * 99)) == {50, 95}
    assert set(latency_percentiles([0.1] * 100)) == {50, 95, 99}


def test_that_pictures_say_the_same_in_words_and_tables() -> None:
    series = series_of(RUN)
    speed, first, latency = (
        speed_picture(series),
        first_token_picture(series),
        latency_picture(series),
    )
    assert speed.summary == "Tokens per second: median 25.0 tok/s over 3 requests."
    assert speed.rows[1] == ("2", "40.0 tok/s")
    assert speed.y_largest == pytest.approx(40.0)
    assert first.summary == "Time to first token: median 50 ms over 3 requests."
    assert "p50 40 ms" in latency.summary
    assert [row[0] for row in latency.rows] == ["p50", "p95", "p99"]
    assert latency_picture(Series()).summary.endswith("nothing measured yet.")


def test_that_ranges_are_round_and_move_seldom() -> None:
    assert ceiling(0) == 1.0
    assert [ceiling(value) for value in (1.0, 1.1, 23, 260, 590)] == [1, 1.5, 25, 300, 600]
    end = stepped(None, 20.0)
    assert end == 25.0
    assert stepped(end, 24.9) == end
    assert stepped(end, 11.0) == end
    assert stepped(end, 9.0) == 10.0
    assert stepped(end, 26.0) == 30.0


def test_that_ticks_have_the_decimals_they_need() -> None:
    assert ticks(25.0) == [0.0, 10.0, 20.0]
    assert ticks(1.0) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(0.0) == [0.0]
    assert tick_text(0.25, 0.25) == "0.25"
    assert tick_text(2.5, 2.5) == "2.5"
    assert tick_text(1000.0, 500.0) == "1,000"


def test_that_a_plot_offers_its_figures_in_words_and_follows_the_theme(qtbot) -> None:
    from app.ui.charts.plot import Plot

    look = Theme()
    look.apply(Choice.LIGHT)
    plot = Plot(look, "Tokens per second", "token", "tok/s")
    qtbot.addWidget(plot)
    plot.resize(500, 220)
    plot.show()
    plot.show_picture(speed_picture(series_of(RUN)))
    assert plot.accessibleDescription().startswith("Tokens per second: median 25.0")
    plot.table_button.click()
    assert plot._table.isVisible()
    plot.copy_button.click()
    assert QGuiApplication.clipboard().text().splitlines()[1] == "1\t20.0 tok/s"
    look.apply(Choice.DARK)
    assert plot._items[0].opts["pen"].color().name().upper() == look.tokens.series[0]


def test_that_a_live_range_keeps_still_while_the_data_fit(qtbot) -> None:
    from app.ui.charts.plot import Plot

    look = Theme()
    plot = Plot(look, "Token latency", "token", "ms")
    qtbot.addWidget(plot)
    ends = []
    for count in range(1, 60):
        plot.show_picture(latency_picture(Series(gaps=(0.02,) * count)), live=True)
        ends.append(plot._x_end)
    assert len(set(ends)) < len(ends) / 3
    assert all(end >= count for count, end in enumerate(ends, 1))
