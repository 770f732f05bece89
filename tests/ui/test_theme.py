"""Colours that can be read, and a palette that is swapped at once."""

import pytest
from PySide6.QtGui import QColor, QPalette

from app.domain.settings import Theme as Choice
from app.ui import theme
from app.ui.theme import DARK, LIGHT, Theme, style_sheet


def luminance(colour: str) -> float:
    channels = [getattr(QColor(colour), name)() / 255 for name in ("red", "green", "blue")]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["window", "surface", "raised"])
def test_that_every_text_colour_can_be_read_on_every_ground(tokens, ground):
    for role in ("text", "muted", "accent", "ok", "warn", "error", "info"):
        assert contrast(getattr(tokens, role), getattr(tokens, ground)) >= 5, role
    assert contrast(tokens.control, getattr(tokens, ground)) >= 3


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_that_text_can_be_read_on_tinted_grounds(tokens):
    selected = theme.mix(tokens.accent, tokens.surface, 0.16)
    assert contrast(tokens.text, selected) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_that_the_style_sheet_names_no_token_that_does_not_exist(tokens):
    assert "@" not in style_sheet(tokens)


def test_that_a_choice_is_applied_at_once(qapp, qtbot):
    look = Theme()
    look.apply(Choice.LIGHT)
    with qtbot.waitSignal(look.changed):
        look.apply(Choice.DARK)
    assert look.tokens is DARK
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    look.apply(Choice.LIGHT)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)


def test_that_icons_take_the_colour_of_their_role(qapp):
    look = Theme()
    look.apply(Choice.LIGHT)
    image = look.pixmap("folder", "accent", 32).toImage()
    painted = [
        image.pixelColor(x, y)
        for x in range(32)
        for y in range(32)
        if image.pixelColor(x, y).alpha() == 255
    ]
    assert painted
    assert {colour.name().upper() for colour in painted} == {LIGHT.accent}


def test_that_every_icon_of_the_actions_is_there(qapp):
    from app.resources import icon
    from app.ui.actions import ACTIONS

    missing = {i.icon for i in ACTIONS.values() if i.icon and not icon(f"{i.icon}.svg").is_file()}
    assert not missing


def test_that_widgets_get_the_style_sheet_once_they_are_put_together(qapp):
    Theme().apply(Choice.LIGHT)
    sheet, seen = qapp.styleSheet(), []

    @theme.laid_on_once()
    def part():
        seen.append(qapp.styleSheet())

    @theme.laid_on_once()
    def whole():
        part()
        seen.append(qapp.styleSheet())
        raise ValueError("half made")

    with pytest.raises(ValueError, match="half made"):
        whole()
    assert seen == ["", ""]
    assert qapp.styleSheet() == sheet != ""
