"""A loaded model as a card: state, figures, who keeps it, and what can be done."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.actions import ACTIONS
from app.ui.theme import Theme
from app.ui.viewmodels.loaded import Card
from app.ui.viewmodels.ways_out import (
    CHANGE_ADDRESS,
    DISMISS,
    LEAVE_DOWN,
    LOAD_ANYWAY,
    LOAD_SAFER,
    RETRY,
    SET_KEY,
    SHOW_SPENDING,
)
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.plain_label import ElidedLabel, PlainLabel
from app.ui.widgets.state_dot import StateDot
from app.ui.widgets.tab_order import in_tab_order

ERROR_ACTIONS = {
    LOAD_SAFER: "load_safer",
    LOAD_ANYWAY: "load_anyway",
    RETRY: "retry",
    LEAVE_DOWN: "cancel_restart",
    DISMISS: "dismiss",
    SET_KEY: "set_account_key",
    CHANGE_ADDRESS: "change_account",
    SHOW_SPENDING: "spending",
}
"""The actions behind the buttons of a failure."""


class ModelCard(QFrame):
    """Shows a Card and updates in place; `triggered` names an action of the table of actions."""

    triggered = Signal(str)
    focus_left = Signal()
    """The button that has the focus is about to go, and none is left to take it."""

    def __init__(self, look: Theme, card: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setProperty("role", "card")
        self.setObjectName(f"card_{card.model_id}")
        self._dot = StateDot(look)
        self._state = PlainLabel()
        self._state.setObjectName("card_state")
        self._state.setFont(theme.caption())
        self._name = ElidedLabel(cut=Qt.TextElideMode.ElideMiddle)
        self._name.setObjectName("card_name")
        self._name.setFont(theme.strong())
        self._active = PlainLabel("active")
        self._active.setFont(theme.caption())
        self._active.setProperty("role", "badge")
        self._speed = _muted(figures=True)
        self._figures = _muted(figures=True)
        self._figures.setObjectName("card_figures")
        self._kept_by = _muted()
        self._kept_by.setObjectName("card_kept_by")
        self._stay = _muted()
        self._stay.setObjectName("card_stay")
        self._before = _muted()
        self._before.setObjectName("card_before")
        self._unwell = _muted()
        self._unwell.setObjectName("card_unwell")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Loading")
        self._cancel = self._button("Cancel", "cancel_load")
        self._switch = self._button("Make active", "switch")
        self._roll_back = self._button("Roll back", "roll_back")
        self._settings = self._button("Settings…", "load_settings")
        self._eject = self._button("Eject", "eject")
        self._pin = self._button("Keep loaded", "pin")
        self._unpin = self._button("Don't keep", "unpin")
        self._error: ErrorBox | None = None
        self._lay_out()
        self.show_card(card)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._dot)
        for label in (self._state, self._name, self._active):
            row.addWidget(label)
        row.addStretch()
        for button in (
            self._cancel,
            self._switch,
            self._roll_back,
            self._pin,
            self._unpin,
            self._settings,
            self._eject,
        ):
            row.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*[theme.SPACE_3] * 4)
        self._column.setSpacing(theme.SPACE_1)
        # Not beside the name, which the buttons leave little room in a narrow window.
        figures = QHBoxLayout()
        figures.setSpacing(theme.SPACE_2)
        figures.addWidget(self._figures)
        figures.addStretch()
        figures.addWidget(self._speed)
        self._column.addLayout(row)
        self._column.addWidget(self._bar)
        self._column.addLayout(figures)
        for line in (self._unwell, self._before, self._kept_by, self._stay):
            self._column.addWidget(line)

    def show_card(self, card: Card) -> None:
        """Show another state of the same model."""
        if self.property("active") != card.active:
            self.setProperty("active", card.active)
            self.style().polish(self)
        self._dot.set_role(theme.STATE_ROLES[card.state])
        self._state.setText(card.state_words.upper())
        self._name.setText(card.name)
        self._active.setVisible(card.active)
        self._speed.setText(card.speed)
        self._speed.setVisible(bool(card.speed))
        self._figures.setText(card.figures)
        self._figures.setVisible(bool(card.figures))
        self._kept_by.setText(card.kept_by)
        self._kept_by.setVisible(bool(card.kept_by))
        for label, text in (
            (self._before, card.before),
            (self._unwell, card.unwell),
            (self._stay, card.stay),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self._bar.setVisible(card.coming)
        # A range of nothing makes the bar move without a figure.
        self._bar.setRange(0, 0 if card.progress is None else 1000)
        self._bar.setValue(round((card.progress or 0) * 1000))
        self._offer(card)
        self._show_error(card)

    def buttons(self) -> list[QPushButton]:
        """The buttons that are offered, in the order of Tab."""
        return [button for button in self.all_buttons() if not button.isHidden()]

    def all_buttons(self) -> list[QPushButton]:
        """The buttons, offered or not, in the order of Tab."""
        own = [
            self._cancel,
            self._switch,
            self._roll_back,
            self._pin,
            self._unpin,
            self._settings,
            self._eject,
        ]
        return own if self._error is None else [*own, *self._error.buttons()]

    def _offer(self, card: Card) -> None:
        shown = {
            self._cancel: card.coming,
            self._switch: card.can_switch,
            self._roll_back: card.can_roll_back,
            self._eject: card.can_eject,
            self._pin: card.can_pin and not card.pinned,
            self._unpin: card.can_pin and card.pinned,
            self._settings: card.can_set,
        }
        focus_goes = any(button.hasFocus() and not shown[button] for button in shown)
        # What was just pressed gives the focus to its opposite, never to Eject.
        toggled = self._pin.hasFocus() or self._unpin.hasFocus()
        order = sorted(shown, key=lambda item: toggled and item not in (self._pin, self._unpin))
        for button in (button for button in order if shown[button]):
            button.setVisible(True)
            if focus_goes:
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                focus_goes = False
        if focus_goes:
            self.focus_left.emit()
        for button in (button for button in shown if not shown[button]):
            button.setVisible(False)

    def _show_error(self, card: Card) -> None:
        if card.error is None:
            if self._error is not None:
                self._error.deleteLater()
                self._error = None
            return
        if self._error is None:
            self._error = ErrorBox(self._look, card.error)
            self._error.triggered.connect(lambda text: self.triggered.emit(ERROR_ACTIONS[text]))
            self._column.addSpacing(theme.SPACE_1)
            self._column.addWidget(self._error)
        else:
            self._error.show_report(card.error)
        self._error.offer((*card.ways_out.actions, DISMISS), card.ways_out.note)
        in_tab_order(self._eject, *self._error.buttons())

    def _button(self, text: str, action: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"card_{action}")
        button.setToolTip(ACTIONS[action].tooltip)
        button.clicked.connect(lambda: self.triggered.emit(action))
        return button


def _muted(*, figures: bool = False) -> ElidedLabel:
    label = ElidedLabel()
    label.setProperty("role", "muted")
    if figures:
        label.setFont(theme.figures())
    return label
