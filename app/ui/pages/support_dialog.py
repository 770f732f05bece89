"""The support bundle: what goes in and what doesn't, before it is written."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.manager.manager import Manager
from app.ui import dialogs, theme, words
from app.ui.intents import Intents
from app.ui.theme import Theme
from app.ui.viewmodels.support import SupportForm
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel

BUNDLES = "Bundles (*.zip)"
NAME = "modelyard-support.zip"
LEFT_OUT = (
    "Keys, prompts and answers never go in. Your home folder and your user name are replaced "
    "wherever they stand; names of models and of other folders stay. Nothing is sent anywhere."
)


async def write_support_bundle(
    parent: QWidget, look: Theme, intents: Intents, manager: Manager
) -> None:
    """Show what a bundle would hold, and write one when that is asked for."""
    form = SupportForm(manager, intents, await manager.support.parts())
    try:
        await dialogs.finished(SupportDialog(parent, look, form))
    finally:
        form.cancel()


class SupportDialog(QDialog):
    """The files with what they tell; then the progress, and where the bundle is."""

    def __init__(self, parent: QWidget | None, look: Theme, form: SupportForm) -> None:
        super().__init__(parent)
        self._look = look
        self.form = form
        self._failure: ErrorBox | None = None
        self._place: CopyLine | None = None
        self.setObjectName("support_dialog")
        self.setWindowTitle("Support bundle")
        self.setModal(True)
        self.resize(theme.FORM_WIDTH, theme.FORM_WIDTH * 7 // 8)
        self._lay_out()
        form.changed.connect(self._show)
        self._show()
        self.save.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        heading = PlainLabel("Support bundle")
        heading.setFont(theme.section())
        left_out = WrappedLabel(LEFT_OUT)
        left_out.setObjectName("support_left_out")
        left_out.setProperty("role", "muted")
        area = QScrollArea()
        area.setAccessibleName("What goes in")
        area.setWidgetResizable(True)
        area.setWidget(self._parts())
        self._progress = WaitingLine()
        self.close_button = QPushButton("Close")
        self.close_button.setObjectName("support_close")
        self.close_button.clicked.connect(self.reject)
        self.stop = QPushButton("Cancel")
        self.stop.setObjectName("support_cancel")
        self.stop.clicked.connect(self.form.cancel)
        self.save = QPushButton("Save…")
        self.save.setObjectName("support_save")
        self.save.setProperty("kind", "primary")
        self.save.setDefault(True)
        self.save.clicked.connect(self._choose)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addWidget(self._progress)
        buttons.addStretch(1)
        for button in (self.stop, self.close_button, self.save):
            buttons.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        self._column.setSpacing(theme.SPACE_3)
        self._column.addWidget(heading)
        self._column.addWidget(left_out)
        self._column.addWidget(area, 1)
        self._column.addLayout(buttons)

    def _parts(self) -> QWidget:
        page = QWidget()
        page.setProperty("role", "page")
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, theme.SPACE_2, 0)
        grid.setHorizontalSpacing(theme.SPACE_4)
        grid.setVerticalSpacing(theme.SPACE_2)
        for row, part in enumerate(self.form.parts):
            name = PlainLabel(part.name)
            name.setFont(theme.mono())
            what = WrappedLabel(part.what)
            what.setProperty("role", "muted")
            size = PlainLabel(words.size(part.size_bytes) if part.size_bytes is not None else "")
            size.setFont(theme.figures())
            grid.addWidget(name, row, 0, alignment=Qt.AlignmentFlag.AlignTop)
            grid.addWidget(what, row, 1)
            right = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight
            grid.addWidget(size, row, 2, alignment=right)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(self.form.parts), 1)
        return page

    def _choose(self) -> None:
        self.form.save(partial(dialogs.choose_new_file, self, "Save the bundle", BUNDLES, NAME))

    def _show(self) -> None:
        form = self.form
        busy = form.progress is not None
        if busy and self.save.hasFocus():
            self.stop.setFocus()
        self._progress.setVisible(bool(form.step()))
        self._progress.show_step(form.step(), form.progress)
        self.stop.setVisible(busy)
        self.close_button.setVisible(not busy)
        self.save.setEnabled(not busy)
        self.save.setText("Save again…" if form.written else "Save…")
        if form.written and self.stop.hasFocus():
            self.close_button.setFocus()
        self._show_place()
        self._show_failure()

    def _show_place(self) -> None:
        if self.form.written and self._place is None:
            self._place = CopyLine(self._look, "Path", self.form.written)
            self._column.insertWidget(self._column.count() - 1, self._place)
        if self._place is not None:
            self._place.set_text(self.form.written)
            self._place.setVisible(bool(self.form.written))

    def _show_failure(self) -> None:
        report = self.form.failure
        if report is not None and self._failure is None:
            self._failure = ErrorBox(self._look, report)
            self._column.insertWidget(self._column.count() - 1, self._failure)
        if self._failure is not None:
            self._failure.setVisible(report is not None)
            if report is not None:
                self._failure.show_report(report)
