"""Giving an account a key, in a dialog that is awaited and forgets the key when it closes."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.error_reports import ErrorReport
from app.domain.secrets import KeyPlace
from app.ui import dialogs, theme
from app.ui.theme import Theme
from app.ui.viewmodels import account_words
from app.ui.viewmodels.key_form import KeyForm
from app.ui.widgets.check_box import CheckBox
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.form_rows import FormRow
from app.ui.widgets.notice import Notice
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.secret_field import SecretField
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel

PASTED, VARIABLE = "pasted", "variable"
SOURCES = ((PASTED, "Paste it here"), (VARIABLE, "Take it from an environment variable"))
FOR_NOW, UNTESTED = "Keep until Modelyard quits", "Save without testing"
VARIABLE_HINT = (
    "Only the variable's name is kept. Modelyard reads it when it starts, so set it before that."
)


async def change_key(parent: QWidget, look: Theme, form: KeyForm) -> bool:
    """Open the dialog and wait until it is closed; whether the account has another key."""
    return await dialogs.finished(KeyDialog(parent, look, form))


class KeyDialog(QDialog):
    """The key as text or as a variable's name; tested and kept in one step."""

    def __init__(self, parent: QWidget, look: Theme, form: KeyForm) -> None:
        super().__init__(parent)
        self._look = look
        self.form = form
        self._failure: ErrorBox | None = None
        self.setObjectName("key_dialog")
        self.setWindowTitle(f"Key of {form.account.name}")
        self.setModal(True)
        self.setMinimumWidth(theme.FORM_WIDTH)
        self._now = WrappedLabel()
        self._now.setObjectName("key_now")
        self._now.setProperty("role", "muted")
        self._keyring = Notice(look, "key_keyring")
        self.source = ChoiceBox(look)
        self.source.setObjectName("key_source")
        for value, text in SOURCES:
            self.source.addItem(text, value)
        self.key = SecretField(look, "Key")
        self.key.setObjectName("key_field")
        self.variable = QLineEdit()
        self.variable.setObjectName("key_variable")
        self.variable.setFont(theme.mono())
        self.variable.setPlaceholderText(form.usual_variable)
        self._key_row = FormRow("Key", self.key)
        self._variable_row = FormRow("Environment variable", self.variable, VARIABLE_HINT)
        self.agree = CheckBox(account_words.agreement(form.account.base_url))
        self.agree.setObjectName("key_agree")
        self._agree_hint = WrappedLabel(account_words.AGREEMENT_HINT)
        self._agree_hint.setProperty("role", "warn")
        self._agree_hint.setFont(theme.caption())
        self._progress = WaitingLine()
        self._remove = QPushButton("Remove key")
        self._stop = QPushButton("Stop")
        self._cancel = QPushButton("Cancel")
        self._save = QPushButton("Test and save")
        self._lay_out()
        self._connect()
        if form.account.key_place is KeyPlace.ENVIRONMENT:
            self.source.setCurrentIndex(1)
            self.variable.setText(form.account.variable)
        self._show()
        self._field().setFocus(Qt.FocusReason.OtherFocusReason)
        form.look()

    def done(self, result: int) -> None:
        """Close, and leave nothing of the key behind."""
        self.form.cancel()
        self.key.wipe()
        super().done(result)

    def _lay_out(self) -> None:
        heading = PlainLabel(f"Key of {self.form.account.name}")
        heading.setFont(theme.section())
        self._save.setProperty("kind", "primary")
        self._save.setDefault(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addWidget(self._remove)
        buttons.addStretch()
        for word, button in (("stop", self._stop), ("cancel", self._cancel), ("save", self._save)):
            button.setObjectName(f"key_{word}")
            buttons.addWidget(button)
        self._remove.setObjectName("key_remove")
        for button in (self._remove, self._stop, self._cancel):
            button.setAutoDefault(False)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        self._column.setSpacing(theme.SPACE_3)
        rows: tuple[QWidget, ...] = (
            heading,
            self._now,
            self._keyring,
            FormRow("Where it comes from", self.source),
            self._key_row,
            self._variable_row,
            self.agree,
            self._agree_hint,
            self._progress,
        )
        for row in rows:
            self._column.addWidget(row)
        self._column.addStretch()
        self._column.addLayout(buttons)

    def _connect(self) -> None:
        form = self.form
        form.changed.connect(self._show)
        form.done.connect(self.accept)
        self.source.activated.connect(self._choose_source)
        self.key.edited.connect(form.mended)
        self.key.edited.connect(self._show_buttons)
        self.variable.textEdited.connect(lambda _: form.mended())
        self.variable.textChanged.connect(lambda _: self._show_buttons())
        self.agree.toggled.connect(lambda _: self._show_buttons())
        self._save.clicked.connect(self._take)
        self._remove.clicked.connect(form.remove)
        self._stop.clicked.connect(form.cancel)
        self._cancel.clicked.connect(self.reject)

    def _choose_source(self) -> None:
        self.form.mended()
        self._show()
        self._field().setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def _from_variable(self) -> bool:
        return bool(self.source.currentData() == VARIABLE)

    def _field(self) -> QWidget:
        return self.variable if self._from_variable else self.key

    def _typed(self) -> str:
        return (self.variable.text() if self._from_variable else self.key.text).strip()

    def _take(self) -> None:
        agreed = self.agree.isChecked()
        if self._from_variable:
            self.form.use_variable(self.variable.text(), agreed=agreed)
        else:
            self.form.save(self.key.text, agreed=agreed)

    def _take_anyway(self, way: str) -> None:
        agreed = self.agree.isChecked()
        if self._from_variable:
            self.form.use_variable(self.variable.text(), agreed=agreed, tested=False)
        else:
            for_now = way == FOR_NOW
            self.form.save(self.key.text, agreed=agreed, for_now=for_now, tested=False)

    def _show(self) -> None:
        form, busy, from_variable = self.form, bool(self.form.step), self._from_variable
        self._now.setText(f"Now: {form.now}.")
        lasting = form.keyring is None or form.keyring.lasting
        self._keyring.say("" if lasting or from_variable else self._reason())
        self._key_row.setVisible(not from_variable)
        self._variable_row.setVisible(from_variable)
        self.key.line.setReadOnly(busy)
        self.variable.setReadOnly(busy)
        self.source.setEnabled(not busy)
        self.agree.setVisible(form.plain)
        self._agree_hint.setVisible(form.plain)
        self._progress.setVisible(busy)
        self._progress.show_step(form.step, None)
        wrong = f"{form.failure.what} {form.failure.remedy}" if form.failure is not None else ""
        self._key_row.set_error(wrong if form.in_field and not from_variable else "")
        self._variable_row.set_error(wrong if form.in_field and from_variable else "")
        self._show_failure(None if form.in_field else form.failure)
        self._show_buttons()

    def _reason(self) -> str:
        return self.form.keyring.reason if self.form.keyring is not None else ""

    def _show_failure(self, report: ErrorReport | None) -> None:
        if report is None:
            if self._failure is not None:
                self._failure.hide()
            return
        if self._failure is None:
            self._failure = ErrorBox(self._look, report)
            self._failure.triggered.connect(self._take_anyway)
            self._column.insertWidget(self._column.indexOf(self._progress), self._failure)
        ways = [FOR_NOW] if self.form.keeps_for_now else []
        ways += [UNTESTED] if self.form.skips_test else []
        self._failure.offer(ways if self._typed() else ())
        for button in self._failure.buttons():
            button.setAutoDefault(False)
        self._failure.show_report(report)
        self._failure.show()

    def _show_buttons(self) -> None:
        form, busy = self.form, bool(self.form.step)
        if busy and self.focusWidget() in {self._save, self._remove}:
            self._stop.setFocus()
        self._save.setVisible(not busy)
        self._save.setEnabled(bool(self._typed()) and (self.agree.isChecked() or not form.plain))
        self._stop.setVisible(busy)
        self._cancel.setVisible(not busy)
        self._remove.setVisible(not busy and form.account.key_place is not None)
