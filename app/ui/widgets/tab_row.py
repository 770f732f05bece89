"""Tabs that take a second line where one is too short, so that none is out of sight."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from app.ui import theme
from app.ui.widgets.flow_layout import FlowLayout


class TabRow(QWidget):
    """One tab is chosen; Tab leads to it, and the arrow keys lead to the others."""

    chosen = Signal(str)

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        flow = FlowLayout(self, spacing=theme.SPACE_1)
        for name in names:
            button = QPushButton(name.capitalize())
            button.setObjectName(f"tab_{name}")
            button.setAccessibleName(f"{name.capitalize()} tab")
            button.setProperty("kind", "tab")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.toggled.connect(partial(self._toggled, name))
            self._group.addButton(button)
            self._buttons[name] = button
            flow.addWidget(button)
        self._buttons[names[0]].setChecked(True)

    @property
    def last(self) -> QPushButton:
        """The last of the buttons in the order of Tab."""
        return [*self._buttons.values()][-1]

    def button(self, name: str) -> QPushButton:
        """The button of a tab."""
        return self._buttons[name]

    def _toggled(self, name: str, on: bool) -> None:
        policy = Qt.FocusPolicy.StrongFocus if on else Qt.FocusPolicy.ClickFocus
        self._buttons[name].setFocusPolicy(policy)
        if on:
            self.chosen.emit(name)
