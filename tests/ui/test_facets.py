"""Facets as pieces of the query line."""

import pytest

from app.ui.viewmodels.facets import facets, holds, toggled


@pytest.mark.parametrize(
    ("line", "piece", "after"),
    [
        ("", "fits", "fits"),
        ("qwen", "cap:chat", "qwen cap:chat"),
        ("qwen cap:chat fits", "cap:chat", "qwen fits"),
        ("CAP:Chat qwen", "cap:chat", "qwen"),
        ('tag:"two words" loaded', "loaded", 'tag:"two words"'),
        ("-fits", "fits", "-fits fits"),
        ('"fits"', "fits", '"fits" fits'),
        ("fits coder fits", "fits", "coder"),
    ],
)
def test_that_a_press_puts_a_piece_in_or_takes_it_out(line, piece, after):
    assert toggled(line, piece) == after


def test_that_a_line_holds_what_it_asks_for_however_it_is_written():
    assert holds("Cap:Tools qwen", "cap:tools")
    assert holds('provider:"open ai"', 'provider:"open ai"')
    assert not holds("-cap:tools", "cap:tools")
    assert not holds('"loaded"', "loaded")


def test_that_providers_are_offered_when_there_is_a_choice():
    def pieces(providers):
        return {facet.piece for facet in facets(providers) if facet.piece.startswith("provider")}

    assert pieces({"local"}) == set()
    assert pieces({"local", "open ai"}) == {"provider:local", 'provider:"open ai"'}
