"""How one model is loaded, chosen in a dialog that is awaited."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.domain.errors import ErrorKind
from app.ui import dialogs, theme, words
from app.ui.intents import Intents
from app.ui.pages.model_chooser import choose_model
from app.ui.theme import Theme
from app.ui.viewmodels.load_fields import LONGEST, Field, FormSection, Kind
from app.ui.viewmodels.load_form import LoadForm
from app.ui.widgets.adapter_list import AdapterList
from app.ui.widgets.check_box import CheckBox
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.plain_label import ElidedLabel, PlainLabel
from app.ui.widgets.setting_row import SettingRow
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

CONTROL_WIDTH = 216
WIDTH = theme.FORM_WIDTH + 2 * theme.SPACE_6
HEIGHT = 680
LEAST_FORM = 4 * theme.ROW
"""What a long error leaves of the fields."""
CHOOSING = "choose adapter"
ADD_ADAPTER = "Add a LoRA adapter"
LOAD_ANYWAY = "Load anyway"


async def choose_load_settings(
    parent: QWidget, look: Theme, intents: Intents, form: LoadForm
) -> None:
    """Open the dialog over a window and wait until it is closed."""
    dialog = LoadSettingsDialog(parent, look, intents, form)
    try:
        await dialogs.finished(dialog)
    finally:
        form.leave()


class LoadSettingsDialog(QDialog):
    """A form over the draft; nothing is kept before Save."""

    def __init__(self, parent: QWidget, look: Theme, intents: Intents, form: LoadForm) -> None:
        super().__init__(parent)
        self._look = look
        self._intents = intents
        self.form = form
        self._rows: dict[str, SettingRow] = {}
        self._controls: dict[str, QLineEdit | ChoiceBox | CheckBox] = {}
        self._notes: list[tuple[FormSection, WrappedLabel]] = []
        self._adapters = AdapterList()
        self._failure: ErrorBox | None = None
        self.setObjectName("load_settings")
        self.setWindowTitle(f"Load settings of {form.spec.name}")
        self.resize(WIDTH, min(HEIGHT, max(parent.height() - theme.SPACE_8, theme.FORM_WIDTH // 2)))
        self._lay_out()
        self._connect()
        self._show()
        self._controls["context_length"].setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        heading = PlainLabel("Load settings")
        heading.setFont(theme.section())
        name = ElidedLabel(self.form.spec.name, Qt.TextElideMode.ElideMiddle)
        name.setProperty("role", "muted")
        top = QHBoxLayout()
        top.setSpacing(theme.SPACE_2)
        top.addWidget(heading)
        top.addWidget(name, 1)
        top.addStretch()

        self._fields = QWidget()
        self._fields.setProperty("role", "page")
        cards = QVBoxLayout(self._fields)
        cards.setContentsMargins(0, 0, theme.SPACE_2, 0)
        cards.setSpacing(theme.SPACE_3)
        for section in self.form.sections():
            cards.addWidget(self._card(section))
        cards.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(LEAST_FORM)
        area.setWidget(self._fields)

        self._status = WrappedLabel()
        self._status.setObjectName("load_status")
        self._status.setProperty("role", "muted")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*[theme.SPACE_4] * 4)
        self._column.setSpacing(theme.SPACE_3)
        self._column.addLayout(top)
        self._column.addWidget(area, 1)
        self._column.addLayout(self._memory_line())
        self._column.addWidget(self._status)
        self._column.addLayout(self._buttons())

    def _memory_line(self) -> QHBoxLayout:
        self._memory = PlainLabel()
        self._memory.setObjectName("load_memory")
        self._memory.setFont(theme.figures())
        self._fit = PlainLabel()
        self._fit.setObjectName("load_fit")
        self._fit.setFont(theme.strong())
        line = QHBoxLayout()
        line.setSpacing(theme.SPACE_2)
        line.addWidget(self._memory)
        line.addWidget(self._fit)
        line.addStretch()
        return line

    def _buttons(self) -> QHBoxLayout:
        self._reset = QPushButton("Reset to automatic")
        self._close = QPushButton("Cancel")
        self._save = QPushButton("Save")
        self._load = QPushButton()
        self._load.setProperty("kind", "primary")
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        for name, button in (
            ("reset", self._reset),
            ("cancel", self._close),
            ("save", self._save),
            ("load", self._load),
        ):
            button.setObjectName(f"load_settings_{name}")
            # Enter in a field keeps what was typed; loading at once is asked for by name.
            button.setAutoDefault(False)
            row.addWidget(button)
        self._load.setDefault(True)
        row.insertStretch(1)
        return row

    def _card(self, section: FormSection) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        heading = PlainLabel(section.title)
        heading.setFont(theme.strong())
        column = QVBoxLayout(card)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_3)
        note = WrappedLabel()
        note.setObjectName(f"note_{section.title}")
        note.setProperty("role", "muted")
        self._notes.append((section, note))
        column.addWidget(heading)
        column.addWidget(note)
        for field in section.fields:
            column.addWidget(self._row(field))
        return card

    def _row(self, field: Field) -> QWidget:
        if field.kind is Kind.ADAPTERS:
            return self._adapters
        control = self._control(field)
        control.setObjectName(f"load_{field.name}")
        label = "" if field.kind is Kind.SWITCH else field.label
        row = SettingRow(label, self.form.hint(field), control)
        self._controls[field.name] = control
        self._rows[field.name] = row
        return row

    def _control(self, field: Field) -> QLineEdit | ChoiceBox | CheckBox:
        change = partial(self.form.set, field.name)
        if field.kind is Kind.SWITCH:
            tick = CheckBox(field.label)
            tick.clicked.connect(change)
            return tick
        if field.kind is Kind.CHOICE:
            box = ChoiceBox(self._look)
            box.setFixedWidth(CONTROL_WIDTH)
            for value, text in field.choices:
                box.addItem(text or self.form.automatic(field), value)
            box.activated.connect(lambda at: change(field.choices[at][0]))
            return box
        line = QLineEdit()
        line.setFixedWidth(CONTROL_WIDTH)
        line.setMaxLength(LONGEST)
        line.setFont(theme.figures())
        line.setAlignment(Qt.AlignmentFlag.AlignRight)
        line.textEdited.connect(change)
        return line

    def _connect(self) -> None:
        form = self.form
        self.finished.connect(lambda: self._intents.cancel(CHOOSING))
        form.changed.connect(self._show)
        form.done.connect(self.accept)
        self._adapters.edited.connect(partial(form.set, "adapters"))
        self._adapters.add_requested.connect(self._add_adapter)
        self._reset.clicked.connect(form.reset)
        self._close.clicked.connect(self.reject)
        self._save.clicked.connect(form.save)
        self._load.clicked.connect(form.save_and_load)

    def _show(self) -> None:
        form = self.form
        busy = form.busy()
        for section in form.sections():
            for field in section.fields:
                self._show_field(field)
        for section, note in self._notes:
            note.setText(form.note(section))
            note.setVisible(bool(note.text()))
        self._adapters.show_adapters(form.adapters())
        self._adapters.set_error(form.error("adapters"))
        self._fields.setEnabled(not busy)
        self._show_memory()
        self._status.setText(form.status())
        self._status.setVisible(bool(self._status.text()))
        self._show_failure()
        self._close.setText("Close" if busy else "Cancel")
        self._load.setText(form.load_words())
        for button, enabled in (
            (self._reset, form.can_reset()),
            (self._save, form.can_save()),
            (self._load, form.can_load()),
        ):
            button.setEnabled(enabled)

    def _show_field(self, field: Field) -> None:
        control = self._controls.get(field.name)
        if control is None:
            return
        row, held = self._rows[field.name], self.form.draft(field.name)
        control.setEnabled(not self.form.is_locked(field.name))
        row.set_error(self.form.error(field.name))
        if isinstance(control, CheckBox):
            control.setChecked(bool(held))
        elif isinstance(control, ChoiceBox):
            control.setCurrentIndex([value for value, _ in field.choices].index(held))
        else:
            control.setPlaceholderText(self.form.automatic(field))
            if control.text() != held:
                control.setText(str(held))

    def _show_memory(self) -> None:
        predicted = self.form.predicted()
        size = predicted[0] if predicted is not None else None
        self._memory.setText(f"Predicted memory {words.size(size)}")
        self._fit.setVisible(predicted is not None)
        if predicted is not None:
            fit = predicted[1]
            self._fit.setText(words.FIT_WORDS[fit])
            if self._fit.property("role") != theme.FIT_ROLES[fit]:
                self._fit.setProperty("role", theme.FIT_ROLES[fit])
                self._fit.style().polish(self._fit)

    def _show_failure(self) -> None:
        report = self.form.failure
        if report is None:
            if self._failure is not None:
                self._failure.hide()
            return
        if self._failure is None:
            self._failure = ErrorBox(self._look, report)
            self._failure.triggered.connect(self._insist)
            self._column.insertWidget(self._column.indexOf(self._status), self._failure)
        self._failure.offer([LOAD_ANYWAY] if report.kind is ErrorKind.DOES_NOT_FIT else [])
        self._failure.show_report(report)
        if report.kind is ErrorKind.SETTING and self._failure.isHidden():
            # The sentence leads to the detail: here is the place where it is mended.
            for details in self._failure.findChildren(QPushButton, "error_details"):
                details.setChecked(True)
        self._failure.show()
        in_tab_order(self._adapters.button, *self._failure.findChildren(QPushButton), self._reset)

    def _insist(self, action: str) -> None:
        if action == LOAD_ANYWAY:
            self.form.save_and_load(anyway=True)

    def _add_adapter(self) -> None:
        self._intents.run(CHOOSING, self._take_adapter())

    async def _take_adapter(self) -> None:
        path = await self._chosen_adapter()
        if path is not None:
            self.form.set("adapters", (*self.form.adapters(), (path, "1")))

    async def _chosen_adapter(self) -> str | None:
        """One of the library's, or a file where there is none or another one is wanted."""
        if self.form.offered_adapters():
            answer = await choose_model(
                self, ADD_ADAPTER, "Choose a file…", self.form.offered_adapters
            )
            if answer is None:
                return None
            if answer.choice is not None:
                return answer.choice.path
        return await dialogs.choose_file(self, ADD_ADAPTER, "LoRA adapters (*.gguf)")
