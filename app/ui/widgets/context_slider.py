"""Chooses the context length that fits are told at."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from app.ui import theme, words
from app.ui.widgets.plain_label import PlainLabel

LENGTHS = (None, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576)
"""The steps in tokens; the first takes each model's own settings."""
WIDTH = 112


class ContextSlider(QWidget):
    """A slider in steps of twice as much, with its value in words."""

    changed = Signal(object)
    """The tokens, or None for each model's own settings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("library_context")
        self.slider.setRange(0, len(LENGTHS) - 1)
        self.slider.setPageStep(1)
        self.slider.setFixedWidth(WIDTH)
        self.slider.setMinimumHeight(theme.CONTROL)
        self.slider.setToolTip("The context length that the column Fit is told at")
        self._value = PlainLabel()
        self._value.setProperty("role", "muted")
        self._value.setFont(theme.figures())
        widest = max((_text(length) for length in LENGTHS), key=len)
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance(widest))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_2)
        row.addWidget(self._value)
        row.addWidget(self.slider)
        self.slider.valueChanged.connect(self._tell)
        self._say()

    @property
    def length(self) -> int | None:
        """The chosen length."""
        return LENGTHS[self.slider.value()]

    def choose(self, length: int | None) -> None:
        """Choose a length; one that is no step takes each model's own settings."""
        self.slider.setValue(LENGTHS.index(length) if length in LENGTHS else 0)

    def _tell(self) -> None:
        self._say()
        self.changed.emit(self.length)

    def _say(self) -> None:
        text = _text(self.length)
        self._value.setText(text)
        self.slider.setAccessibleName(f"Context length to fit: {text}")


def _text(length: int | None) -> str:
    return f"Fit at {words.context(length)}" if length is not None else "Fit as set"
