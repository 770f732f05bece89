"""Quantising a model to another type, chosen and followed in a dialog that is awaited."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.models import ModelId
from app.ui import dialogs, theme
from app.ui.theme import Theme
from app.ui.viewmodels.converting import ConvertForm, Converting, Ended
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.file_table import FileTable
from app.ui.widgets.plain_label import ElidedLabel, PlainLabel
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel

GOOD_FOR_COLUMN = 2


async def choose_conversion(
    parent: QWidget, look: Theme, converting: Converting, form: ConvertForm
) -> ModelId | None:
    """Open the dialog and wait until it is closed.

    Returns:
        The new model, when it was made while the dialog was open.
    """
    dialog = ConvertDialog(parent, look, form)
    converting.ended.connect(dialog.end)
    try:
        await dialogs.finished(dialog)
    finally:
        converting.ended.disconnect(dialog.end)
        form.leave()
    return dialog.made


class ConvertDialog(QDialog):
    """The types with their sizes; while it is under way, how far it has come."""

    def __init__(self, parent: QWidget, look: Theme, form: ConvertForm) -> None:
        super().__init__(parent)
        self._look = look
        self.form = form
        self.made: ModelId | None = None
        self._failure: ErrorBox | None = None
        self.setObjectName("convert")
        self.setWindowTitle(f"Convert {form.spec.name}")
        self.resize(theme.FORM_WIDTH, theme.FORM_WIDTH)
        self._lay_out()
        self._connect()
        self.table.selectRow(form.usual)
        self._show()
        first = self.table if self.table.isEnabled() else self._close
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def end(self, ended: Ended) -> None:
        """Close when the new model is there."""
        if ended.model_id == self.form.spec.id and ended.made is not None:
            self.made = ended.made
            self.accept()

    def _lay_out(self) -> None:
        heading = PlainLabel("Convert")
        heading.setFont(theme.section())
        name = ElidedLabel(self.form.spec.name, Qt.TextElideMode.ElideMiddle)
        name.setProperty("role", "muted")
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(heading)
        top.addWidget(name, 1)
        top.addStretch()
        self.table = FileTable("convert_types", "Types to convert to", self.form.table)
        self.table.stretch(GOOD_FOR_COLUMN)
        self._note = _line("convert_note", "muted")
        self._place = _line("convert_place", "muted")
        self._problem = _line("convert_problem", "error")
        self._progress = WaitingLine()
        self._stop = QPushButton("Cancel conversion")
        self._close = QPushButton("Cancel")
        self._start = QPushButton("Convert")
        self._start.setProperty("kind", "primary")
        self._start.setDefault(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addStretch()
        for word, button in (("stop", self._stop), ("close", self._close), ("start", self._start)):
            button.setObjectName(f"convert_{word}")
            button.setAutoDefault(False)
            buttons.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*[theme.SPACE_4] * 4)
        self._column.setSpacing(theme.SPACE_3)
        self._column.addLayout(top)
        for widget in (self._note, self.table, self._place, self._problem, self._progress):
            self._column.addWidget(widget, 1 if widget is self.table else 0)
        self._column.addLayout(buttons)

    def _connect(self) -> None:
        form = self.form
        self.table.selectionModel().currentRowChanged.connect(lambda at: form.choose(at.row()))
        self.table.doubleClicked.connect(lambda _: form.start())
        form.changed.connect(self._show)
        self._start.clicked.connect(form.start)
        self._stop.clicked.connect(form.cancel)
        self._close.clicked.connect(self.reject)

    def _show(self) -> None:
        form, progress = self.form, self.form.progress()
        busy = progress is not None
        if busy and self.focusWidget() in {self.table, self._start}:
            self._close.setFocus()
        self.table.setEnabled(not busy)
        self._progress.setVisible(busy)
        if progress is not None:
            self._progress.show_step(*progress)
        for label, text in (
            (self._note, form.note()),
            (self._place, form.place()),
            (self._problem, "" if busy else form.problem()),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self._start.setVisible(not busy)
        self._start.setEnabled(form.can_start())
        self._stop.setVisible(busy)
        self._close.setText("Go on in the background" if busy else "Cancel")
        self._show_failure()

    def _show_failure(self) -> None:
        report = self.form.failure
        if report is not None and self._failure is None:
            self._failure = ErrorBox(self._look, report)
            self._column.insertWidget(self._column.indexOf(self._place) + 1, self._failure)
        if self._failure is not None:
            self._failure.setVisible(report is not None)
            if report is not None:
                self._failure.show_report(report)


def _line(name: str, role: str) -> WrappedLabel:
    label = WrappedLabel()
    label.setObjectName(name)
    label.setProperty("role", role)
    return label
