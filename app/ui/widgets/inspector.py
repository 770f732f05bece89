"""Everything about the selected model, beside the table."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QFrame,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ModelSpec
from app.ui import theme, words
from app.ui.actions import ACTIONS, MODEL_ACTIONS, NOTE_ACTIONS, Context
from app.ui.theme import Theme
from app.ui.viewmodels.inspected import Inspected, Tab
from app.ui.viewmodels.notes import Notes
from app.ui.viewmodels.overview import Section
from app.ui.widgets.capability_view import CapabilityView
from app.ui.widgets.digest_line import DigestLine
from app.ui.widgets.fact_list import FactList
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.icon_button import IconButton
from app.ui.widgets.metadata_view import MetadataView
from app.ui.widgets.notes_view import NotesView
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.tab_row import TabRow
from app.ui.widgets.template_view import TemplateView
from app.ui.widgets.tensor_view import TensorView
from app.ui.widgets.wrapped_label import WrappedLabel

TAB_HEIGHT = 160
"""The least that is seen of a tab."""
OF_FILES = (Tab.FIT, Tab.METADATA, Tab.TENSORS, Tab.TEMPLATE)
"""Tabs that a model on a provider's server has nothing for."""
FACTS = {
    Tab.OVERVIEW: "",
    Tab.FIT: "What can't be loaded takes no memory.",
    Tab.PERFORMANCE: "No figures yet: they come with its first answers.",
}
"""The tabs of facts, and what they say when there are none."""


class Inspector(QFrame):
    """A heading, the actions that make sense, and tabs; only the shown one is brought up to date."""

    triggered = Signal(str)
    """The id of an action for the shown model."""
    focus_left = Signal()
    """What has the focus is about to go: somebody else has to take it."""

    def __init__(
        self, look: Theme, inspected: Inspected, notes: Notes, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self.notes = NotesView(notes)
        self._notes = notes
        self._inspected = inspected
        self._spec: ModelSpec | None = None
        self._context = Context()
        self._sections: tuple[Section, ...] = ()
        self.setProperty("role", "card")
        self.setObjectName("inspector")
        self.setMinimumWidth(theme.FORM_WIDTH // 2)
        self._name = _label(theme.section())
        self._name.setObjectName("inspector_name")
        self._state = _label(theme.body(), role="muted")
        self._state.setObjectName("inspector_state")
        self._reason = _label(theme.body(), role="error")
        self._buttons = {action: self._button(action) for action in MODEL_ACTIONS}
        self._buttons |= {action: self._icon_button(action) for action in NOTE_ACTIONS}
        actions = QWidget()
        flow = FlowLayout(actions, spacing=theme.SPACE_2)
        for button in self._buttons.values():
            flow.addWidget(button)
        self.tabs = TabRow([*Tab])
        self.tab = Tab.OVERVIEW
        """The tab that is shown."""
        self._facts = {tab: FactList(look, nothing) for tab, nothing in FACTS.items()}
        self._digest = DigestLine(look, inspected.digest)
        self._capabilities = CapabilityView(look, inspected)
        self._views: dict[Tab, QWidget] = {
            Tab.OVERVIEW: _scrolled(self.notes, self._facts[Tab.OVERVIEW], self._digest),
            Tab.CAPABILITIES: _scrolled(self._capabilities),
            Tab.FIT: _scrolled(self._facts[Tab.FIT]),
            Tab.PERFORMANCE: _scrolled(self._facts[Tab.PERFORMANCE]),
            Tab.METADATA: MetadataView(look, inspected),
            Tab.TENSORS: TensorView(look, inspected),
            Tab.TEMPLATE: TemplateView(look, inspected),
        }
        self._stack = QStackedWidget()
        # In a low window the tab yields, and then all of it scrolls.
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._stack.setMinimumHeight(TAB_HEIGHT)
        for view in self._views.values():
            self._stack.addWidget(view)

        everything = QWidget()
        everything.setProperty("role", "page")
        column = QVBoxLayout(everything)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_2)
        for widget in (self._name, self._state, self._reason, actions, self.tabs):
            column.addWidget(widget)
        column.addSpacing(theme.SPACE_1)
        column.addWidget(self._stack, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(_scroll_area(everything))
        for facts in self._facts.values():
            facts.triggered.connect(self.triggered)
            facts.focus_left.connect(self.focus_left)
        self._capabilities.triggered.connect(self.triggered)
        self.tabs.chosen.connect(self.show_tab)
        inspected.capabilities_changed.connect(self._show_shown)

    def show_tab(self, tab: str) -> None:
        """Show another tab."""
        self.tab = Tab(tab)
        self.tabs.button(tab).setChecked(True)
        self._stack.setCurrentWidget(self._views[self.tab])
        self._show_shown()

    def edit_notes(self) -> None:
        """Put the cursor where tags are written."""
        self.show_tab(Tab.OVERVIEW)
        self.notes.stops[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_model(
        self, spec: ModelSpec | None, state: str, sections: tuple[Section, ...], context: Context
    ) -> None:
        """Show a model, or that none is selected."""
        self._name.setText(spec.name if spec is not None else "No model selected")
        self._name.setToolTip(words.tooltip(self._name.text()))
        self._state.setText(state)
        self._state.setVisible(bool(state))
        failure = context.instance.error if context.instance is not None else None
        reason = failure.what if failure is not None else spec.reason if spec is not None else ""
        self._reason.setText(reason)
        self._reason.setVisible(bool(self._reason.text()))
        shown = {action: ACTIONS[action].enabled(context) for action in self._buttons}
        if any(button.hasFocus() and not shown[action] for action, button in self._buttons.items()):
            self.focus_left.emit()
        for action, button in self._buttons.items():
            button.setVisible(shown[action])
        self._spec, self._sections, self._context = spec, sections, context
        known = spec is not None
        # What was typed belongs to the model that was shown until now.
        self.notes.keep()
        self._notes.show(spec.id if spec is not None else None)
        focus = self.window().focusWidget()
        if not known and any(w.isAncestorOf(focus) for w in (self.tabs, self.notes)):
            self.focus_left.emit()
        self.tabs.setVisible(known)
        here = spec is None or spec.remote is None
        if not here and self.tab in OF_FILES:
            self.show_tab(Tab.OVERVIEW)
        for tab in OF_FILES:
            self.tabs.button(tab).setVisible(here)
        self._stack.setVisible(known)
        self._show_shown()

    def _show_shown(self) -> None:
        self._inspected.show(self._spec, self.tab)
        if self.tab in self._facts:
            sections = tuple(section for section in self._sections if section.tab is self.tab)
            facts = self._facts[self.tab]
            before = (self.tabs.last, *(self.notes.stops if self.tab is Tab.OVERVIEW else ()))
            facts.show_sections(sections, before[-1])
            if self.tab is Tab.OVERVIEW:
                in_tab_order(*before, *facts.stops, *self._digest.stops)
        elif self.tab is Tab.CAPABILITIES:
            self._capabilities.show_lines(testable=ACTIONS["test_model"].enabled(self._context))

    def _icon_button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = IconButton(
            self._look, info.icon, info.text, role="warn" if action == "unfavourite" else "text"
        )
        button.setObjectName(f"inspector_{action}")
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button

    def _button(self, action: str) -> QPushButton:
        info = ACTIONS[action]
        button = QPushButton(info.text)
        button.setObjectName(f"inspector_{action}")
        button.setToolTip(info.tooltip)
        if action in {"chat", "load"}:
            button.setProperty("kind", "primary")
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button


def _scrolled(*widgets: QWidget) -> QScrollArea:
    """Widgets under one another that scroll together."""
    page = QWidget()
    page.setProperty("role", "page")
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, theme.SPACE_2, 0)
    column.setSpacing(theme.SPACE_4)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch()
    return _scroll_area(page)


def _scroll_area(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(page)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def _label(font: QFont, *, role: str = "") -> WrappedLabel:
    label = WrappedLabel()
    label.setFont(font)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
