"""What the user can set. Every change applies at once."""

from itertools import chain
from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.domain.error_reports import ErrorReport
from app.domain.events import AccountsChanged, FoldersChanged, ModelsChanged
from app.domain.models import Folder
from app.domain.settings import Settings
from app.domain.settings import Theme as Choice
from app.domain.settings import variable as setting_variable
from app.manager.manager import Manager
from app.ui import theme
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.pages.model_chooser import choose_model
from app.ui.pages.providers_section import ProvidersSection
from app.ui.theme import Theme
from app.ui.viewmodels.accounts import AccountList
from app.ui.viewmodels.fallback_orders import FallbackOrders
from app.ui.viewmodels.local_servers import LocalServers
from app.ui.viewmodels.settings import SettingsViewModel, read_budget, written_budget
from app.ui.widgets.check_box import CheckBox
from app.ui.widgets.choice_box import ChoiceBox
from app.ui.widgets.fallback_editor import FallbackEditor
from app.ui.widgets.model_button import ModelButton
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.setting_row import SettingRow
from app.ui.widgets.tab_order import in_tab_order
from app.ui.widgets.wrapped_label import WrappedLabel

CHOICES = ((Choice.SYSTEM, "As the system"), (Choice.LIGHT, "Light"), (Choice.DARK, "Dark"))
NUMBER_WIDTH, TEXT_WIDTH = 140, 240
NUMBERS = {
    "context_length": (
        "Tokens that a prompt and its answer may take together, for models loaded from now on. "
        "Empty means 4,096, or less where a model was trained for less."
    ),
    "threads": (
        "Processor threads of one model, for models loaded from now on. "
        "Empty leaves the choice to Modelyard."
    ),
    "max_loaded": (
        "Models that may be loaded together. When another one is loaded, those leave that have "
        "been idle for the longest. Empty sets no limit."
    ),
    "memory_budget": (
        "What models may take together: a share such as 75 %, or a size such as 12 GB. "
        "Empty means 90 %."
    ),
    "time_to_live_minutes": (
        "Minutes without use after which a model is unloaded, unless it is kept loaded. "
        "Empty means never."
    ),
    "auto_switch_threshold": (
        "Percent of its usual speed. A model that stays below it for several answers is left."
    ),
    "max_tokens": "Tokens after which an answer ends.",
    "monthly_budget": (
        "US dollars that remote models may cost in a calendar month, as their providers' prices "
        "let it be estimated. Empty sets no limit."
    ),
}
"""Explanations of the settings that are numbers."""
TEXTS = {
    "default_provider": (
        "The account that a default model is looked for in where only its name is given."
    ),
}
"""Explanations of the settings that are text."""
DEFAULT_MODEL = "The model that prompts go to where no other one is active."
UNSET = {
    "max_loaded": "No limit",
    "memory_budget": "90 %",
    "time_to_live_minutes": "Never",
    "monthly_budget": "No limit",
}
"""What an empty field says, where it isn't left to the app."""
BOXES = {
    "look_in_stores": "List the models of other programs as well",
    "restore_on_start": "Load the models of the last run when Modelyard starts",
    "auto_load_default": "Load the default model when Modelyard starts",
    "recover_crashed": "Start the active model again by itself when it crashed",
    "auto_switch": "Send new prompts to another model when the active one answers badly",
    "budget_stops": "Refuse what costs money once the budget is spent",
    "performance_tracking": "Measure every answer and load",
    "profile_after_first_load": "Profile a model after its first load, when nobody asks anything",
    "persistence": "Keep models, conversations, figures and settings",
}
"""The settings that are on or off, in words."""
EXPLAINED = {
    "look_in_stores": (
        "Those of Hugging Face, LM Studio, Ollama, Jan, GPT4All and text-generation-webui, where "
        "they lie. Nothing in there is changed."
    ),
    "budget_stops": "When this is off, Modelyard only says so.",
    "performance_tracking": (
        "The averages of each model, how often it was used and whether it is well come from this."
    ),
    "persistence": "When this is off, nothing is written from the next start on.",
}
"""Explanations of those that need one."""
UNKEPT = "Nothing of this run is kept. Turned on, that changes with the next start."
REMOTE = "Spending"
"""The section of what matters once there is an account."""
TROUBLE = "When something goes wrong"
SECTIONS = {
    "Models": (
        "default_model",
        "default_provider",
        "restore_on_start",
        "auto_load_default",
        "context_length",
        "threads",
        "max_loaded",
        "memory_budget",
        "time_to_live_minutes",
    ),
    TROUBLE: ("recover_crashed", "auto_switch", "auto_switch_threshold"),
    "Answers": ("max_tokens",),
    REMOTE: ("monthly_budget", "budget_stops"),
    "Measuring": ("performance_tracking", "profile_after_first_load"),
    "Persistence": ("persistence",),
}
"""The rows of each section, below the theme and the folders."""


class SettingsPage(QWidget):
    """One column of sections."""

    requested = Signal(str, str)
    """The id of an action, and the folder or the account that it is for."""

    @theme.laid_on_once()
    def __init__(
        self,
        manager: Manager,
        look: Theme,
        intents: Intents,
        bridge: Bridge,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._look = look
        self._intents = intents
        self.view_model = SettingsViewModel(manager, intents, bridge, self)
        self.accounts = AccountList(manager, intents, bridge, self)
        self.providers = ProvidersSection(
            look, self.accounts, LocalServers(manager, intents, bridge, self)
        )
        self.providers.requested.connect(self.requested)
        self.fallbacks = FallbackEditor(
            look, FallbackOrders(manager, self.view_model, bridge, self)
        )
        self._rows: dict[str, SettingRow] = {}
        self._remote = QWidget()
        self._folders = QVBoxLayout()
        self._folders.setSpacing(theme.SPACE_1)
        self._theme = self._theme_box()
        self._default = ModelButton("setting_default_model")
        self._default.clicked.connect(self._choose_default)
        self._boxes = {key: self._box(key, text) for key, text in BOXES.items()}
        self._fields = {key: self._field(key) for key in (*NUMBERS, *TEXTS)}
        self._lay_out()
        self.view_model.changed.connect(self._show)
        self.view_model.refused.connect(self._refuse)
        self.view_model.accepted.connect(self._accept)
        bridge.on(FoldersChanged, lambda _: self._show_folders())
        bridge.on(AccountsChanged, lambda _: self._show_remote())
        for renaming in (ModelsChanged, AccountsChanged):
            bridge.on(renaming, lambda _: self._show("default_model"))
        self._show_folders()
        self._show_remote()
        for key in self._rows:
            self._show(key)

    def _theme_box(self) -> ChoiceBox:
        box = ChoiceBox(self._look)
        box.setObjectName("setting_theme")
        box.setAccessibleName("Theme")
        for choice, text in CHOICES:
            box.addItem(text, choice)
        box.activated.connect(lambda at: self.view_model.set("theme", CHOICES[at][0]))
        return box

    def _box(self, key: str, text: str) -> CheckBox:
        box = CheckBox(text)
        box.setObjectName(f"setting_{key}")
        box.clicked.connect(lambda checked: self.view_model.set(key, checked))
        return box

    def _field(self, key: str) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(f"setting_{key}")
        field.setFixedWidth(TEXT_WIDTH if key in TEXTS else NUMBER_WIDTH)
        if key in NUMBERS:
            field.setFont(theme.figures())
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.editingFinished.connect(lambda: self._take(key))
        field.textEdited.connect(lambda: self._accept(key))
        return field

    def _lay_out(self) -> None:
        self._rows = {
            "theme": SettingRow("Theme", "", self._theme),
            "default_model": SettingRow("Default model", DEFAULT_MODEL, self._default),
            **{
                key: SettingRow("", self._explanation(key), box) for key, box in self._boxes.items()
            },
        }
        for key, field in self._fields.items():
            label = Settings.model_fields[key].title or key
            self._rows[key] = SettingRow(label, {**NUMBERS, **TEXTS}[key], field)
        column = QVBoxLayout()
        column.setSpacing(theme.SPACE_4)
        column.addWidget(_section("Appearance", self._rows["theme"]))
        column.addWidget(
            _section("Library folders", self._folder_list(), self._rows["look_in_stores"])
        )
        column.addWidget(_section("Providers", self.providers))
        for title, keys in SECTIONS.items():
            rows: list[QWidget] = [self._rows[key] for key in keys]
            if title == "Persistence":
                rows.append(self._place())
            if title == TROUBLE:
                rows.append(self.fallbacks)
            if title == REMOTE:
                rows.append(self._ledger_button())
            section = _section(title, *rows)
            if title == REMOTE:
                self._remote = section
            column.addWidget(section)
        column.addStretch()

        form = QWidget()
        form.setProperty("role", "page")
        form.setMaximumWidth(theme.FORM_WIDTH + theme.SPACE_2)
        form.setLayout(column)
        column.setContentsMargins(0, 0, theme.SPACE_2, 0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(form)
        page = QVBoxLayout(self)
        page.setContentsMargins(*[theme.SPACE_4] * 4)
        page.setSpacing(theme.SPACE_3)
        page.addWidget(PageHeader("Settings"))
        page.addWidget(area, 1)

    def _ledger_button(self) -> QWidget:
        button = QPushButton("Show spending…")
        button.setObjectName("settings_spending")
        button.clicked.connect(lambda: self.requested.emit("spending", ""))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(button)
        row.addStretch()
        return holder

    def _show_remote(self) -> None:
        self._remote.setVisible(bool(self._manager.accounts.all()))

    def _explanation(self, key: str) -> str:
        unkept = key == "persistence" and not self._manager.kept
        return UNKEPT if unkept else EXPLAINED.get(key, "")

    def _place(self) -> QWidget:
        """Where the state lies: chosen before the start, so only told here."""
        chosen = self.view_model.current().persistence_path
        label = WrappedLabel()
        label.setObjectName("setting_persistence_path")
        label.setProperty("role", "muted")
        label.setFont(theme.caption())
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        variable = setting_variable("persistence_path")
        label.setText(
            f"The state lies in {chosen}. {self.view_model.lock('persistence_path')}"
            if chosen
            else "The state lies in the user's data folder. The environment variable "
            f"{variable} moves it."
        )
        return label

    def _folder_list(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_2)
        column.addLayout(self._folders)
        self._add = QPushButton("Add folder")
        self._add.setObjectName("settings_add_folder")
        self._add.clicked.connect(lambda: self.requested.emit("add_folder", ""))
        column.addWidget(self._add, alignment=Qt.AlignmentFlag.AlignLeft)
        return holder

    def _show_folders(self) -> None:
        while (item := self._folders.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        rows = [self._folder_row(folder) for folder in self._manager.library.folders()]
        for row in rows:
            self._folders.addWidget(row)
        buttons = chain.from_iterable(row.findChildren(QPushButton) for row in rows)
        in_tab_order(self._theme, *buttons, self._add)

    def _folder_row(self, folder: Folder) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        path = PlainLabel(folder.path if folder.present else f"{folder.path} (missing)")
        path.setFont(theme.mono())
        path.setWordWrap(True)
        if not folder.present:
            path.setProperty("role", "muted")
        row.addWidget(path, 1)
        remove = QPushButton("Remove")
        remove.setAccessibleName(f"Remove {PurePath(folder.path).name}")
        remove.setToolTip("Take the folder out of the library; its files stay")
        remove.clicked.connect(lambda: self.requested.emit("remove_folder", folder.path))
        row.addWidget(remove)
        return holder

    def _show(self, key: str) -> None:
        if key not in self._rows:
            return
        value = getattr(self.view_model.current(), key)
        self._rows[key].set_lock(self.view_model.lock(key))
        if key == "theme":
            self._theme.setCurrentIndex([choice for choice, _ in CHOICES].index(value))
        elif key == "default_model":
            self._default.show_name(self.view_model.default_model())
        elif key in BOXES:
            self._boxes[key].setChecked(value)
        else:
            self._fields[key].setText(_written(key, value))
            self._fields[key].setPlaceholderText(UNSET.get(key, "Automatic"))

    def _choose_default(self) -> None:
        self._intents.run("choose default model", self._ask_for_default())

    async def _ask_for_default(self) -> None:
        answer = await choose_model(
            self.window(),
            "Choose the default model",
            "No default model",
            self.view_model.default_candidates,
        )
        if answer is not None:
            chosen = answer.choice.id if answer.choice is not None else None
            self.view_model.set("default_model", chosen)

    def _take(self, key: str) -> None:
        text = self._fields[key].text().strip()
        current = getattr(self.view_model.current(), key)
        if text == _written(key, current):
            return
        if key == "memory_budget":
            self.view_model.set(key, read_budget(text))
            return
        nothing = None if Settings.model_fields[key].default is None else ""
        number = key in NUMBERS and text.isdecimal()
        self.view_model.set(key, int(text) if number else text or nothing)

    def _refuse(self, key: str, report: ErrorReport) -> None:
        if key in self._rows:
            self._rows[key].set_error(f"{report.what} {report.remedy}")

    def _accept(self, key: str) -> None:
        if key in self._rows:
            self._rows[key].set_error("")


def _written(key: str, value: float | str | None) -> str:
    if key == "memory_budget" and not isinstance(value, str):
        return written_budget(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)


def _section(title: str, *rows: QWidget) -> QFrame:
    card = QFrame()
    card.setProperty("role", "card")
    heading = QLabel(title)
    heading.setFont(theme.section())
    column = QVBoxLayout(card)
    column.setContentsMargins(*[theme.SPACE_4] * 4)
    column.setSpacing(theme.SPACE_3)
    column.addWidget(heading)
    for row in rows:
        column.addWidget(row)
    return card
