"""Adding an account at a provider, or changing one, in a dialog that is awaited."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.accounts import PROVIDERS, AccountId, ProviderKind
from app.ui import dialogs, theme
from app.ui.theme import Theme
from app.ui.viewmodels import account_words
from app.ui.viewmodels.account_form import AccountForm
from app.ui.widgets.check_box import CheckBox
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.form_rows import FormRow
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

ORDER = (
    ProviderKind.OPENAI,
    ProviderKind.ANTHROPIC,
    ProviderKind.OPENROUTER,
    ProviderKind.OLLAMA,
    ProviderKind.LM_STUDIO,
    ProviderKind.LLAMA_SERVER,
    ProviderKind.VLLM,
    ProviderKind.LOCALAI,
    ProviderKind.COMPATIBLE,
)
ADDRESS_HINT = "Where its server is; a key is sent there and nowhere else."
MOVED_HINT = "Another address is another server: its models take the place of the former ones."


async def edit_account(parent: QWidget, look: Theme, form: AccountForm) -> AccountId | None:
    """Open the dialog and wait until it is closed; the account that was kept, if any."""
    dialog = AccountDialog(parent, look, form)
    await dialogs.finished(dialog)
    return dialog.kept


class AccountDialog(QDialog):
    """Provider, name and address."""

    def __init__(self, parent: QWidget, look: Theme, form: AccountForm) -> None:
        super().__init__(parent)
        self.form = form
        self.kept: AccountId | None = None
        self.setObjectName("account_dialog")
        self.setWindowTitle(
            "Add an account" if form.former is None else f"Change {form.former.name}"
        )
        self.setModal(True)
        self.setMinimumWidth(theme.FORM_WIDTH)
        self.provider = ChoiceBox(look)
        self.provider.setObjectName("account_provider")
        for kind in ORDER:
            self.provider.addItem(PROVIDERS[kind].name, kind)
        self.provider.setCurrentIndex(ORDER.index(form.kind))
        self.name = QLineEdit(form.name)
        self.name.setObjectName("account_name")
        self.address = QLineEdit(form.address)
        self.address.setObjectName("account_address")
        self.address.setFont(theme.mono())
        self.address.setPlaceholderText("https://")
        self._provider_row = FormRow("Provider", self.provider)
        self._address_row = FormRow("Address", self.address, ADDRESS_HINT)
        self.agree = CheckBox("")
        self.agree.setObjectName("account_agree")
        self.agree.setChecked(form.agreed)
        self._agree_hint = WrappedLabel(account_words.AGREEMENT_HINT)
        self._agree_hint.setProperty("role", "warn")
        self._agree_hint.setFont(theme.caption())
        self._save = QPushButton("Add" if form.former is None else "Save")
        self._save.setObjectName("account_save")
        self._save.setProperty("kind", "primary")
        self._save.setDefault(True)
        self._cancel = QPushButton("Cancel")
        self._cancel.setAutoDefault(False)
        self._lay_out()
        self._connect()
        self._show()
        first: QWidget = self.provider if form.former is None else self.name
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        heading = PlainLabel(self.windowTitle())
        heading.setFont(theme.section())
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_2)
        buttons.addStretch()
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        rows: tuple[QWidget, ...] = (
            heading,
            self._provider_row,
            FormRow("Name", self.name),
            self._address_row,
            self.agree,
            self._agree_hint,
        )
        for row in rows:
            column.addWidget(row)
        column.addStretch()
        column.addLayout(buttons)
        self._provider_row.setVisible(self.form.former is None)

    def _connect(self) -> None:
        form = self.form
        form.changed.connect(self._show)
        form.saved.connect(self._keep)
        self.provider.activated.connect(lambda at: form.choose(ORDER[at]))
        self.name.textEdited.connect(form.set_name)
        self.address.textEdited.connect(form.set_address)
        self.agree.clicked.connect(form.agree)
        self._save.clicked.connect(form.save)
        self._cancel.clicked.connect(self.reject)

    def _keep(self, account_id: str) -> None:
        self.kept = AccountId(account_id)
        self.accept()

    def _show(self) -> None:
        form = self.form
        self.name.setPlaceholderText(form.usual_name)
        if self.address.text() != form.address:
            self.address.setText(form.address)
        moved = form.former is not None and form.address.strip() != form.former.base_url
        self._address_row.set_hint(MOVED_HINT if moved else ADDRESS_HINT)
        wrong = f"{form.failure.what} {form.failure.remedy}" if form.failure is not None else ""
        self._address_row.set_error(wrong)
        self.agree.setText(account_words.agreement(form.address) if form.plain else "")
        self.agree.setVisible(form.plain)
        self._agree_hint.setVisible(form.plain)
        self._save.setEnabled(bool(form.address.strip()) and not form.busy)
