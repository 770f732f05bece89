"""Colours, sizes, fonts and icons: the only module that names any of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.domain.instances import COMING, InstanceState
from app.domain.memory import Fit
from app.domain.settings import Theme as Choice
from app.resources import icon as icon_file

SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6, SPACE_8 = 4, 8, 12, 16, 24, 32
RADIUS = 6
ROW = 32
CONTROL = 28
ICON = 16
READING_WIDTH = 760
"""The widest a column of running text gets, so that lines stay readable."""
FORM_WIDTH = 560
COLLAPSE_WIDTH = 900
"""Below this window width the sidebar shows icons only."""

BODY_PX, CAPTION_PX, SECTION_PX, TITLE_PX = 13, 11, 15, 20
ICON_PIXELS = (16, 32, 96)
"""Small and large icons on ordinary and doubled screens; others are scaled down from these."""


@dataclass(frozen=True)
class Tokens:
    """One palette. Text pairs are at least 5:1 on every ground, `control` at least 3:1."""

    window: str
    surface: str
    raised: str
    border: str
    control: str
    on_accent: str
    text: str
    muted: str
    accent: str
    ok: str
    warn: str
    error: str
    info: str
    series: tuple[str, ...]


LIGHT = Tokens(
    window="#F6F7F9",
    surface="#FFFFFF",
    raised="#FFFFFF",
    border="#D9DEE5",
    control="#7C8896",
    on_accent="#FFFFFF",
    text="#1B2430",
    muted="#566273",
    accent="#1F5FD0",
    ok="#1B7A45",
    warn="#8F5A00",
    error="#B3261E",
    info="#0F6A80",
    series=("#1F5FD0", "#B3541E", "#1B7A45", "#8A3FA0", "#0F6A80", "#A6324F"),
)
DARK = Tokens(
    window="#14181E",
    surface="#1B2129",
    raised="#232B35",
    border="#36414E",
    control="#7A8797",
    on_accent="#0B1220",
    text="#E6EBF2",
    muted="#A3B0C0",
    accent="#7FB0FF",
    ok="#62C98C",
    warn="#E5B04A",
    error="#FF8B80",
    info="#67C6DC",
    series=("#7FB0FF", "#FFA66B", "#62C98C", "#D79BEA", "#67C6DC", "#FF9DB3"),
)

STATE_ROLES: dict[InstanceState, str] = {
    **dict.fromkeys(COMING, "info"),
    InstanceState.READY: "ok",
    InstanceState.DRAINING: "warn",
    InstanceState.STOPPING: "warn",
    InstanceState.STOPPED: "muted",
    InstanceState.FAILED: "error",
    InstanceState.CRASHED: "error",
}
"""The token that colours a state's dot; a word always stands beside it."""

FIT_ROLES: dict[Fit, str] = {Fit.FITS: "ok", Fit.TIGHT: "warn", Fit.TOO_BIG: "error"}


def _font(pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPixelSize(pixels)
    font.setWeight(weight)
    return font


def body() -> QFont:
    """The font of everything that isn't one of the others."""
    return _font(BODY_PX)


def caption() -> QFont:
    """Small print: units, hints, time stamps."""
    return _font(CAPTION_PX)


def strong() -> QFont:
    """Body text that leads its row: a model's name, a field's label."""
    return _font(BODY_PX, QFont.Weight.DemiBold)


def section() -> QFont:
    """The heading of a part of a page."""
    return _font(SECTION_PX, QFont.Weight.DemiBold)


def title() -> QFont:
    """The heading of a page."""
    return _font(TITLE_PX, QFont.Weight.DemiBold)


def mono(pixels: int = BODY_PX) -> QFont:
    """Keys, ids, paths, templates and code."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(pixels)
    return font


def figures(pixels: int = BODY_PX) -> QFont:
    """Figures that stand in columns or change in place: every digit has the same width."""
    font = _font(pixels)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


@contextmanager
def laid_on_once() -> Iterator[None]:
    """Lay the style sheet on the widgets that are put together meanwhile once, at the end.

    Otherwise Qt lays it on every widget again at each level of the tree that it is taken into,
    which is two thirds of the time that the window takes to be made.
    """
    application = QApplication.instance()
    sheet = application.styleSheet() if isinstance(application, QApplication) else ""
    if not isinstance(application, QApplication) or not sheet:
        yield
        return
    application.setStyleSheet("")
    try:
        yield
    finally:
        application.setStyleSheet(sheet)


class Theme(QObject):
    """Applies a palette to the application and hands out icons in its colours."""

    changed = Signal()
    """Other tokens are in force: repaint what was drawn by hand and fetch icons again."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tokens = LIGHT
        self._choice = Choice.SYSTEM
        self._applied = False
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._drawings: dict[str, QSvgRenderer] = {}
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    @property
    def tokens(self) -> Tokens:
        """The palette in force."""
        return self._tokens

    @property
    def dark(self) -> bool:
        """Whether the palette in force is the dark one."""
        return self._tokens is DARK

    def color(self, role: str) -> QColor:
        """The colour of a token by its name."""
        return QColor(str(getattr(self._tokens, role)))

    def apply(self, choice: Choice) -> None:
        """Put a palette in force, at once and everywhere."""
        self._choice = choice
        tokens = _tokens_for(choice)
        if self._applied and tokens is self._tokens:
            return
        self._tokens = tokens
        self._icons.clear()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            if not self._applied:
                application.setStyle("Fusion")
                application.setFont(body())
            application.setPalette(palette(tokens))
            application.setStyleSheet(style_sheet(tokens))
        self._applied = True
        self.changed.emit()

    def icon(self, name: str, role: str = "text") -> QIcon:
        """The icon `icons/<name>.svg` in a token's colour, greyed when disabled."""
        key = (name, role)
        if key not in self._icons:
            icon = QIcon()
            for pixels in ICON_PIXELS:
                icon.addPixmap(self.pixmap(name, role, pixels))
            for pixels in ICON_PIXELS[:2]:
                icon.addPixmap(self.pixmap(name, "control", pixels), QIcon.Mode.Disabled)
            self._icons[key] = icon
        return self._icons[key]

    def pixmap(self, name: str, role: str, pixels: int) -> QPixmap:
        """One size of an icon, for painting by hand; `pixels` are device pixels."""
        pixmap = QPixmap(QSize(pixels, pixels))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self._drawing(name).render(painter)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(pixmap.rect(), self.color(role))
        painter.end()
        return pixmap

    def _drawing(self, name: str) -> QSvgRenderer:
        if name not in self._drawings:
            self._drawings[name] = QSvgRenderer(str(icon_file(f"{name}.svg")), self)
        return self._drawings[name]

    def _follow_system(self) -> None:
        if self._applied and self._choice is Choice.SYSTEM:
            self.apply(Choice.SYSTEM)


def _tokens_for(choice: Choice) -> Tokens:
    if choice is Choice.SYSTEM:
        dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    else:
        dark = choice is Choice.DARK
    return DARK if dark else LIGHT


def palette(tokens: Tokens) -> QPalette:
    """Qt's own roles in the colours of the tokens."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.window,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.raised,
        role.Midlight: tokens.border,
        role.Mid: tokens.border,
        role.Dark: tokens.control,
        role.Shadow: tokens.border,
    }
    result = QPalette()
    for name, colour in colours.items():
        result.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.control))
    return result


def mix(front: str, ground: str, share: float) -> str:
    """`share` of one colour over another, as #RRGGBB; for tinted grounds."""
    over, under = QColor(front), QColor(ground)
    pairs = (
        (over.red(), under.red()),
        (over.green(), under.green()),
        (over.blue(), under.blue()),
    )
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02X}" for a, b in pairs)


def style_sheet(tokens: Tokens) -> str:
    """The one style sheet. Widgets choose a look by the properties `role` and `kind`."""
    names = {
        field.name: getattr(tokens, field.name)
        for field in fields(Tokens)
        if field.name != "series"
    }
    sheet = _SHEET
    names |= {
        "hover": mix(tokens.text, tokens.surface, 0.06),
        "pressed": mix(tokens.text, tokens.surface, 0.12),
        "selected": mix(tokens.accent, tokens.surface, 0.16),
        "accent_hover": mix(tokens.text, tokens.accent, 0.12),
        "error_ground": mix(tokens.error, tokens.surface, 0.08),
        "info_ground": mix(tokens.accent, tokens.surface, 0.08),
    }
    for name in sorted(names, key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", str(names[name]))
    return sheet


_SHEET = f"""
QMainWindow, QDialog {{ background: @window; }}
QToolTip {{ background: @raised; color: @text; border: 1px solid @border; padding: 4px; }}

QPushButton, QToolButton {{
  background: @surface; color: @text; border: 1px solid @control; border-radius: {RADIUS}px;
  padding: 0 12px; min-height: {CONTROL - 2}px;
}}
QToolButton {{ padding: 0 5px; min-width: {CONTROL - 12}px; }}
QPushButton:hover, QToolButton:hover {{ background: @hover; }}
QPushButton:pressed, QToolButton:pressed {{ background: @pressed; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid @accent; padding: 0 11px; min-height: {CONTROL - 4}px; }}
QToolButton:focus {{ padding: 0 4px; }}
QPushButton:disabled, QToolButton:disabled {{ color: @control; border-color: @border; }}
QPushButton[kind="primary"] {{ background: @accent; color: @on_accent; border-color: @accent; }}
QPushButton[kind="primary"]:hover {{ background: @accent_hover; border-color: @accent_hover; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid @text; }}
QPushButton[kind="primary"]:disabled {{ background: @border; color: @muted; border-color: @border; }}
QPushButton[kind="flat"], QToolButton[kind="flat"] {{ background: transparent; border-color: transparent; }}
QPushButton[kind="flat"]:hover, QToolButton[kind="flat"]:hover {{ background: @hover; }}
QPushButton[kind="flat"]:focus, QToolButton[kind="flat"]:focus {{ border-color: @accent; }}
QPushButton[kind="facet"] {{ border-color: @border; border-radius: {CONTROL // 2}px; padding: 0 10px; }}
QPushButton[kind="facet"]:checked {{ background: @selected; border-color: @accent; }}
QPushButton[kind="facet"]:focus {{ border: 2px solid @accent; padding: 0 9px; }}
QPushButton[kind="field"] {{ text-align: left; padding: 0 10px; }}
QPushButton[kind="field"]:focus {{ padding: 0 9px; }}
QPushButton[kind="icon"] {{ padding: 0; }}
QPushButton[kind="icon"]:focus {{ padding: 0; }}
QSlider::groove:horizontal {{ background: @control; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: @accent; height: 4px; border-radius: 2px; }}
QSlider::handle:horizontal {{
  background: @surface; border: 2px solid @accent; width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
}}
QSlider::handle:horizontal:focus {{ background: @accent; border-color: @text; }}
QToolButton::menu-indicator {{ image: none; }}
QPushButton[kind="tab"] {{ background: transparent; border-color: transparent; padding: 0 7px; color: @muted; }}
QPushButton[kind="tab"]:hover {{ background: @hover; }}
QPushButton[kind="tab"]:checked {{ background: @selected; color: @text; }}
QPushButton[kind="tab"]:focus {{ border-color: @accent; padding: 0 6px; }}
QPushButton[kind="side"], QPushButton[kind="bar_leading"], QPushButton[kind="bar_trailing"] {{
  background: transparent; border-color: transparent; text-align: left;
}}
QPushButton[kind="side"] {{ padding: 0 9px; min-height: {ROW}px; color: @muted; }}
QPushButton[kind="side"]:focus {{ padding: 0 8px; min-height: {ROW - 2}px; }}
QPushButton[kind="bar_leading"] {{ padding-left: 26px; }}
QPushButton[kind="bar_leading"]:focus {{ padding-left: 25px; }}
QPushButton[kind="side"]:hover, QPushButton[kind="bar_leading"]:hover, QPushButton[kind="bar_trailing"]:hover {{ background: @hover; }}
QPushButton[kind="side"]:checked {{ background: @selected; color: @text; }}
QPushButton[kind="side"]:focus, QPushButton[kind="bar_leading"]:focus, QPushButton[kind="bar_trailing"]:focus {{ border-color: @accent; }}

QLineEdit, QSpinBox, QComboBox, QPlainTextEdit[role="input"] {{
  background: @surface; color: @text; border: 1px solid @control; border-radius: {RADIUS}px;
  padding: 0 8px; min-height: {CONTROL - 2}px; selection-background-color: @accent; selection-color: @on_accent;
}}
QPlainTextEdit[role="input"] {{ padding: 6px; }}
QPlainTextEdit[role="detail"] {{ background: @surface; color: @text; border: 1px solid @border; border-radius: {RADIUS}px; padding: 2px 4px; }}
QPlainTextEdit[role="detail"]:focus {{ border-color: @accent; }}
QLineEdit:focus, QSpinBox:focus, QComboBox:focus, QPlainTextEdit[role="input"]:focus {{ border: 2px solid @accent; padding: 0 7px; min-height: {CONTROL - 4}px; }}
QPlainTextEdit[role="input"]:focus {{ padding: 5px; }}
QLineEdit[invalid="true"], QSpinBox[invalid="true"], QComboBox[invalid="true"] {{ border: 2px solid @error; padding: 0 7px; min-height: {CONTROL - 4}px; }}
QLineEdit, QPlainTextEdit {{ placeholder-text-color: @muted; }}
QLineEdit QToolButton {{ background: transparent; border: none; padding: 0; min-width: 0; min-height: 0; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox QAbstractItemView {{ background: @raised; border: 1px solid @border; outline: none; }}
QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled {{ color: @muted; border-color: @border; background: @window; }}

QLabel {{ background: transparent; }}
QLabel[role="muted"] {{ color: @muted; }}
QLabel[role="error"] {{ color: @error; }}
QLabel[role="warn"] {{ color: @warn; }}
QLabel[role="ok"] {{ color: @ok; }}
QLabel[role="info"] {{ color: @info; }}
QLabel[role="badge"] {{ background: @accent; color: @on_accent; border-radius: 8px; padding: 0 5px; min-height: 16px; max-height: 16px; }}

QFrame[role="card"] {{ background: @surface; border: 1px solid @border; border-radius: {RADIUS}px; }}
QFrame[role="card"][active="true"] {{ border: 1px solid @accent; }}
QFrame[role="toast"] {{ background: @raised; border: 1px solid @control; border-radius: {RADIUS}px; }}
QFrame#error_box {{ background: @error_ground; border: 1px solid @error; border-radius: {RADIUS}px; }}
QFrame[role="banner"] {{ background: @info_ground; border: 1px solid @border; border-radius: {RADIUS}px; }}
QFrame[role="chip"] {{ background: @surface; border: 1px solid @border; border-radius: {CONTROL // 2}px; }}
QFrame[role="rule"] {{ background: @border; border: none; }}
QFrame[role="drop"] {{ background: @info_ground; border: 2px dashed @accent; border-radius: {RADIUS}px; }}
QFrame[role="palette"] {{ background: @raised; border: 1px solid @control; border-radius: {RADIUS}px; }}
QFrame[role="bar"] {{ background: @window; border: none; border-top: 1px solid @border; }}
QFrame[role="side"] {{ background: @window; border: none; border-right: 1px solid @border; }}

QTableView, QListView, QTreeView, QTextBrowser {{
  background: @surface; color: @text; border: 1px solid @border; border-radius: {RADIUS}px;
  selection-background-color: @selected; selection-color: @text; outline: none;
}}
QTableView:focus, QListView:focus {{ border-color: @accent; }}
QListView[role="offers"] {{ background: @raised; border: 1px solid @control; }}
QListView[role="hits"] {{ background: transparent; border: none; }}
QListView::item {{ min-height: {ROW}px; padding: 0 8px; }}
QListView::item:hover {{ background: @hover; }}
QListView::item:selected {{ background: @selected; color: @text; }}
QHeaderView {{ background: @surface; border: none; }}
QHeaderView::section {{ background: @surface; color: @muted; border: none; border-bottom: 1px solid @border; padding: 0 8px; min-height: {ROW - 1}px; }}
QAbstractScrollArea::corner {{ background: transparent; border: none; }}
QTableCornerButton::section {{ background: @surface; border: none; }}

QProgressBar {{ background: @border; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
QProgressBar::chunk {{ background: @accent; border-radius: 3px; }}

QMenu {{ background: @raised; color: @text; border: 1px solid @border; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 8px; border-radius: 4px; }}
QMenu::item:selected {{ background: @selected; }}
QMenu::item:disabled {{ color: @control; }}
QMenu::separator {{ height: 1px; background: @border; margin: 4px; }}
QMenuBar {{ background: @window; color: @text; }}
QMenuBar::item {{ padding: 4px 8px; background: transparent; }}
QMenuBar::item:selected {{ background: @hover; }}

QSplitter::handle {{ background: transparent; }}
QScrollArea {{ background: transparent; border: none; }}
QScrollArea > QWidget > QWidget[role="page"] {{ background: transparent; }}
QScrollBar {{ background: transparent; border: none; }}
QScrollBar:vertical {{ width: 12px; }}
QScrollBar:horizontal {{ height: 12px; }}
QScrollBar::handle {{ background: @border; border-radius: 4px; margin: 2px; min-height: 24px; min-width: 24px; }}
QScrollBar::handle:hover {{ background: @control; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""
