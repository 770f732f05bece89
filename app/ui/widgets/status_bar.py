"""The foot of the window; each part of it is a control."""

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QWidget

from app.ui import theme, words
from app.ui.theme import STATE_ROLES, Theme
from app.ui.viewmodels.loaded import LoadedViewModel
from app.ui.viewmodels.status import StatusViewModel
from app.ui.widgets.memory_bar import MemoryBar
from app.ui.widgets.state_dot import StateDot

HEIGHT = 36
SWITCH = "Switch to another loaded model"
BAR_WIDTH = 120
NAME_WIDTH = 240
"""The most that the active model's words get, so that the speed keeps its place."""


class RoomyButton(QPushButton):
    """A flat button with a small widget beside its words."""

    def __init__(self, beside: QWidget, *, leading: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._beside = beside
        self.setProperty("kind", "bar_leading" if leading else "bar_trailing")
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_2, 0, theme.SPACE_2, 0)
        side = Qt.AlignmentFlag.AlignLeft if leading else Qt.AlignmentFlag.AlignRight
        row.addWidget(beside, alignment=side | Qt.AlignmentFlag.AlignVCenter)
        beside.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        """Room for the words and the widget."""
        room = self._beside.sizeHint().expandedTo(self._beside.minimumSize()).width()
        return super().sizeHint() + QSize(room + theme.SPACE_2, 0)


class StatusBar(QFrame):
    """The active model opens the switcher, the memory opens Loaded, the speed opens Profile."""

    navigate = Signal(str)
    switch_requested = Signal(str)
    """The id of a model to switch to."""

    def __init__(
        self,
        look: Theme,
        status: StatusViewModel,
        loaded: LoadedViewModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._status = status
        self._loaded = loaded
        self.setProperty("role", "bar")
        self.setObjectName("status_bar")
        self.setFixedHeight(HEIGHT)
        self._dot = StateDot(look)
        self.active = RoomyButton(self._dot, leading=True)
        self.active.setObjectName("status_active")
        self.active.clicked.connect(self._open_switcher)
        bar = MemoryBar(look)
        bar.setFixedWidth(BAR_WIDTH)
        self._bar = bar
        self.memory = RoomyButton(bar, leading=False)
        self.memory.setObjectName("status_memory")
        self.memory.clicked.connect(lambda: self.navigate.emit("loaded"))
        self.speed = QPushButton()
        self.speed.setObjectName("status_speed")
        self.speed.setProperty("kind", "flat")
        self.speed.setToolTip("Average speed of the active model")
        self.speed.clicked.connect(lambda: self.navigate.emit("profile"))
        for button in (self.memory, self.speed):
            button.setFont(theme.figures())
        self.unkept = QPushButton("Nothing is kept")
        self.unkept.setObjectName("status_unkept")
        self.unkept.setProperty("kind", "flat")
        self.unkept.setToolTip("Persistence is off: this run leaves nothing behind")
        self.unkept.clicked.connect(lambda: self.navigate.emit("settings"))
        self.unkept.setVisible(not status.kept)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_2, 0, theme.SPACE_2, 0)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self.active)
        row.addWidget(self.unkept)
        row.addStretch()
        row.addWidget(self.memory)
        row.addWidget(self.speed)
        self.switcher: QMenu | None = None
        status.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is so now."""
        state = self._status.active_state()
        self._dot.set_role(STATE_ROLES[state] if state is not None else "control")
        says = self._status.active_words()
        cut = Qt.TextElideMode.ElideMiddle
        shown = self.active.fontMetrics().elidedText(says, cut, NAME_WIDTH)
        self.active.setText(words.button_text(shown))
        self.active.setAccessibleName(says)
        self.active.setToolTip(words.tooltip(f"{says}\n{SWITCH}" if shown != says else SWITCH))
        memory = self._loaded.shares()
        self.memory.setText(memory.text)
        self._bar.set_memory(memory)
        self.memory.setToolTip(self._bar.toolTip())
        speed = self._status.speed_words()
        self.speed.setText(speed)
        self.speed.setVisible(bool(speed))

    def _open_switcher(self) -> None:
        choices = self._status.choices()
        if not choices:
            self.navigate.emit("library")
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.destroyed.connect(self._forget_switcher)
        for choice in choices:
            action = menu.addAction(words.button_text(choice.name))
            action.setCheckable(True)
            action.setChecked(choice.active)
            action.triggered.connect(
                lambda _=False, chosen=choice.model_id: self.switch_requested.emit(chosen)
            )
        menu.addSeparator()
        menu.addAction("Open the Library").triggered.connect(lambda: self.navigate.emit("library"))
        self.switcher = menu
        above = self.active.mapToGlobal(QPoint(0, -menu.sizeHint().height()))
        menu.popup(above)

    def _forget_switcher(self) -> None:
        self.switcher = None
