"""The frame: sidebar, pages, status bar, messages, drops, and the window's own life."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AliasAssigned,
    FoldersChanged,
    InstanceChanged,
    ModelsChanged,
    ScanFinished,
    ScanProgressed,
    SettingChanged,
)
from app.domain.instances import COMING, InstanceState
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.resources import icon as icon_file
from app.ui import dialogs, theme, words
from app.ui.actions import ACTIONS, MENUS, PAGES, Context
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.main_window import place
from app.ui.main_window.account_dialogs import AccountDialogs
from app.ui.main_window.arrivals import bring_forward
from app.ui.main_window.library_dialogs import LibraryDialogs
from app.ui.main_window.messages import Messages
from app.ui.pages.activity_page import ActivityPage
from app.ui.pages.command_palette import CommandPalette
from app.ui.pages.duplicates_dialog import show_duplicates
from app.ui.pages.library_page import LibraryPage
from app.ui.pages.load_settings_dialog import choose_load_settings
from app.ui.pages.loaded_page import LoadedPage
from app.ui.pages.playground_page import PlaygroundPage
from app.ui.pages.profile_page import ProfilePage
from app.ui.pages.settings_page import SettingsPage
from app.ui.pages.support_dialog import write_support_bundle
from app.ui.theme import Theme
from app.ui.viewmodels.additions import Addition
from app.ui.viewmodels.context import context_of
from app.ui.viewmodels.duplicates import Duplicates
from app.ui.viewmodels.gestures import Gestures
from app.ui.viewmodels.load_form import LoadForm
from app.ui.viewmodels.palette import Palette
from app.ui.viewmodels.status import StatusViewModel
from app.ui.widgets.drop_overlay import DropOverlay
from app.ui.widgets.sidebar import Sidebar
from app.ui.widgets.status_bar import HEIGHT as STATUS_HEIGHT
from app.ui.widgets.status_bar import StatusBar
from app.ui.widgets.toast import Toaster

SMALLEST = (720, 480)
TOASTS_ABOVE = STATUS_HEIGHT + theme.SPACE_3 + theme.ROW + theme.SPACE_3
"""Over the empty part of the sidebar: the status bar and the way to Settings stay in reach."""
ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}


class MainWindow(QMainWindow):
    """Joins the pages and gives every action its handler.

    It never closes itself: closing asks for it, and whoever composed the program unwinds.
    """

    close_requested = Signal()

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
        self._bridge = bridge
        self._page = PAGES[0]
        self._away = False
        """Whether the person is in another program."""
        self.setWindowTitle("Modelyard" if manager.kept else "Modelyard, nothing is kept")
        self.setWindowIcon(QIcon(str(icon_file("modelyard.svg"))))
        self.setMinimumSize(*SMALLEST)
        self.setAcceptDrops(True)

        self.gestures = Gestures(manager, intents, self)
        self.duplicates = Duplicates(manager, intents, bridge, self)
        self.library_page = LibraryPage(manager, look, intents, bridge)
        self.loaded_page = LoadedPage(manager, look, bridge)
        self.playground_page = PlaygroundPage(manager, look, intents, bridge, self.gestures)
        self.profile_page = ProfilePage(manager, look, intents, bridge)
        self.activity_page = ActivityPage(manager, look)
        self.settings_page = SettingsPage(manager, look, intents, bridge)
        self.pages: dict[str, QWidget] = {
            "library": self.library_page,
            "loaded": self.loaded_page,
            "playground": self.playground_page,
            "profile": self.profile_page,
            "activity": self.activity_page,
            "settings": self.settings_page,
        }
        self.status = StatusViewModel(manager, bridge, self)
        self.sidebar = Sidebar(look, [ACTIONS[page] for page in PAGES])
        self.status_bar = StatusBar(look, self.status, self.loaded_page.view_model)
        self._stack = QStackedWidget()
        self._lay_out()
        self.toaster = Toaster(self, look, above=TOASTS_ABOVE)
        self._messages = Messages(
            manager,
            bridge,
            self.gestures,
            self.settings_page.accounts,
            self.toaster,
            is_told=self._tells_crash_itself,
            is_shown=self._shows_error,
            show_loaded=partial(self.show_page, "loaded"),
            show_spending=partial(self.perform, "spending"),
        )
        self.library_dialogs = LibraryDialogs(
            self,
            look,
            manager,
            intents,
            gestures=self.gestures,
            converting=self.library_page.converting,
            messages=self._messages,
        )
        self.account_dialogs = AccountDialogs(
            self, look, manager, intents, bridge, self.settings_page.accounts
        )
        self._overlay = DropOverlay(look, self)
        self.command_palette = CommandPalette(
            look, Palette(manager, self._context, manager.settings.current().window.recent), self
        )
        self.actions_by_id: dict[str, QAction] = {}
        self._handlers = self._bindings()
        self._make_actions()
        self._connect()
        kept = manager.settings.current().window
        place.restore(self, kept)
        self.library_page.restore_place(kept)
        self.show_page(kept.page if kept.page in PAGES else PAGES[0])
        self._follow()

    @property
    def page(self) -> str:
        """The name of the page that is shown."""
        return self._page

    def show_page(self, name: str) -> None:
        """Show a page by its name."""
        self._page = name
        self._stack.setCurrentWidget(self.pages[name])
        self.sidebar.show_chosen(name)
        if name == "playground":
            self.playground_page.focus_composer()
        elif name == "library":
            self.library_page.browser.setFocus()
        elif name == "activity":
            self.activity_page.focus_list()
        elif name == "loaded":
            self._messages.crashes_seen()
        self._refresh_actions()

    def perform(self, action: str, argument: str = "") -> None:
        """Carry out an action of the table.

        Args:
            action: its id, or `open`, `retry`, `dismiss`, `remove_folder` of the pages.
            argument: what it is for, where it isn't the current model.
        """
        self._handlers[action](argument)

    def busy_reason(self) -> str | None:
        """What closing would interrupt and what becomes of it; None when nothing is under way."""
        views = self._manager.models.instances()
        answering = sum(bool(view.leases) and view.state not in COMING for view in views)
        loading = sum(view.state in COMING for view in views)
        if answering:
            verb = "is" if answering == 1 else "are"
            count = words.amount(answering, "model")
            return f"{count} {verb} answering. What is written so far is kept."
        if loading:
            verb, loads = ("is", "load is") if loading == 1 else ("are", "loads are")
            return f"{words.amount(loading, 'model')} {verb} loading. The {loads} given up."
        return None

    async def confirm_close(self) -> bool:
        """Whether to close: asks once when something would be interrupted."""
        reason = self.busy_reason()
        if reason is None:
            return True
        answer = await dialogs.ask(
            self,
            "Quit Modelyard?",
            reason,
            ("Quit", "Keep working"),
            default="Keep working",
        )
        return answer == "Quit"

    def add_paths(self, paths: Sequence[str]) -> None:
        """Add folders and model files to the library; what is neither is refused by name."""
        if paths:
            self.show_page("library")
            self.gestures.add(paths)

    def welcome(self, paths: Sequence[str], activation: str = "") -> None:
        """Come to the front, with files and folders that were opened with this program.

        Args:
            paths: what to add to the library.
            activation: the desktop's leave to come to the front.
        """
        bring_forward(self, activation)
        self.add_paths(paths)

    async def save_place(self) -> None:
        """Keep where the window and its parts are."""
        kept = self.library_page.with_place(place.taken(self, self._page))
        recent = {"recent": self.command_palette.finder.recent}
        await self._manager.settings.set("window", kept.model_copy(update=recent))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask to be closed; the window stays until the program unwinds."""
        event.ignore()
        self.close_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, as it does in a dialog."""
        focused = QApplication.focusWidget()
        if event.key() not in ENTER or not isinstance(focused, QPushButton | QToolButton):
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            focused.click()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the pages more room in a narrow window."""
        super().resizeEvent(event)
        self.sidebar.set_narrow(narrow=self.width() < theme.COLLAPSE_WIDTH)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Offer to take local files and folders."""
        paths = _local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self._overlay.cover(paths)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Withdraw the offer."""
        self._overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped to the library."""
        self._overlay.hide()
        event.acceptProposedAction()
        self.add_paths(_local_paths(event.mimeData()))

    def _lay_out(self) -> None:
        for page in self.pages.values():
            self._stack.addWidget(page)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self._stack, 1)
        right.addWidget(self.status_bar)
        ground = QWidget()
        row = QHBoxLayout(ground)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        row.addLayout(right, 1)
        self.setCentralWidget(ground)
        # A text field would take a dropped file as text; files are for the window.
        for child in ground.findChildren(QWidget):
            child.setAcceptDrops(False)

    def _bindings(self) -> dict[str, Callable[[str], None]]:
        gestures = self.gestures
        choose_folder = partial(dialogs.choose_folder, self)
        choose_file = partial(dialogs.choose_file, self)
        handlers: dict[str, Callable[[str], None]] = {
            page: partial(self._show_page, page) for page in PAGES
        }
        return handlers | {
            "add_folder": lambda _: gestures.add_folder(choose_folder),
            "add_file": lambda _: gestures.add_file(choose_file),
            "remove_folder": gestures.remove_folder,
            "rescan": lambda _: gestures.rescan(),
            "cancel_scan": lambda _: gestures.cancel_scan(),
            "palette": lambda _: self.command_palette.toggle(),
            "search": lambda _: self._search(),
            "save_search": lambda _: self._save_search(),
            "forget_search": gestures.forget_search,
            "smallest": self._choose_smallest,
            "duplicates": lambda _: self._show_duplicates(),
            "columns": lambda _: self.library_page.browser.open_columns_menu(),
            "favourite": self._for_model(partial(gestures.mark, favourite=True)),
            "unfavourite": self._for_model(partial(gestures.mark, favourite=False)),
            "annotate": self._for_model(self._annotate),
            "delete_model": self._for_model(self.library_dialogs.delete),
            "load": self._for_model(gestures.load),
            "cancel_load": self._for_model(gestures.cancel_load),
            "switch": self._for_model(gestures.switch),
            "roll_back": self._for_model(gestures.roll_back),
            "cancel_restart": self._for_model(gestures.cancel_restart),
            "eject": self._for_model(gestures.eject),
            "load_safer": self._for_model(gestures.load_safer),
            "load_anyway": self._for_model(gestures.load_anyway),
            "pin": self._for_model(gestures.pin),
            "unpin": self._for_model(gestures.unpin),
            "retry": self._for_model(gestures.load),
            "dismiss": self._for_model(gestures.dismiss),
            "open": self._for_model(self._open),
            "chat": self._for_model(self._chat),
            "load_settings": self._for_model(self._choose_load_settings),
            "profile_model": self._for_model(self._profile),
            "plan_memory": self._for_model(gestures.plan_memory),
            "test_model": self._for_model(gestures.test),
            "convert": self._for_model(self.library_dialogs.convert),
            "export_library": lambda _: self.library_dialogs.export(),
            "import_library": lambda _: self.library_dialogs.take_in(),
            "show_model": self._reveal,
            "support_bundle": lambda _: self._write_support_bundle(),
            "restore": lambda _: gestures.restore(),
            "new_conversation": lambda _: self._new_conversation(),
            "quit": lambda _: self.close_requested.emit(),
            **self.account_dialogs.handlers(),
        }

    def _make_actions(self) -> None:
        for info in ACTIONS.values():
            action = QAction(info.text, self)
            action.setObjectName(f"action_{info.id}")
            action.setShortcuts([QKeySequence(keys) for keys in info.shortcut])
            action.setToolTip(info.tooltip or info.text)
            action.triggered.connect(partial(self._trigger, info.id))
            self.addAction(action)
            self.actions_by_id[info.id] = action
        for title, ids in MENUS:
            menu = self.menuBar().addMenu(title)
            for action_id in ids:
                if action_id:
                    menu.addAction(self.actions_by_id[action_id])
                else:
                    menu.addSeparator()
        self._recolour()

    def _connect(self) -> None:
        pages = (
            self.library_page,
            self.loaded_page,
            self.playground_page,
            self.activity_page,
            self.settings_page,
        )
        for page in pages:
            page.requested.connect(self.perform)
        for guide in (self.loaded_page, self.playground_page, self.profile_page, self.status_bar):
            guide.navigate.connect(self.show_page)
        self.sidebar.chosen.connect(self.show_page)
        self.status_bar.switch_requested.connect(partial(self.perform, "switch"))
        self.library_page.view_model.selection_changed.connect(self._refresh_actions)
        self.library_page.view_model.failed.connect(self.toaster.fail)
        self.library_page.view_model.rows_changed.connect(self._refresh_actions)
        prices = self.playground_page.view_model.prices
        self.library_page.view_model.price = prices.of
        prices.changed.connect(self.library_page.view_model.selection_changed)
        self.command_palette.chosen.connect(self.perform)
        self.command_palette.revealed.connect(self._reveal)
        self.duplicates.changed.connect(self._show_copies)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.applicationStateChanged.connect(self._look_again)
        self.gestures.added.connect(self._reveal_added)
        self.library_dialogs.made.connect(self._reveal)
        self._intents.failed.connect(self._messages.fail)
        self._look.changed.connect(self._recolour)
        for kind in (InstanceChanged, AliasAssigned, ModelsChanged, FoldersChanged):
            self._bridge.on(kind, lambda _: self._follow())
        for scan in (ScanProgressed, ScanFinished):
            self._bridge.on(scan, lambda _: self._refresh_actions())
        self._bridge.on(SettingChanged, self._apply_settings)
        self._bridge.lost.connect(self._follow)

    def _trigger(self, action: str, _checked: bool = False) -> None:
        self.perform(action)

    def _show_page(self, name: str, _argument: str) -> None:
        self.show_page(name)

    def _for_model(self, handler: Callable[[ModelId], None]) -> Callable[[str], None]:
        """A handler for the model that is named, else for the current one."""

        def handle(argument: str) -> None:
            model = self._context().model
            if argument or model is not None:
                handler(ModelId(argument) if argument or model is None else model.id)

        return handle

    def _context(self) -> Context:
        if self._page == "library":
            return self.library_page.view_model.context()
        return context_of(self._manager, self._page, self._manager.models.active())

    def _open(self, model_id: ModelId) -> None:
        """Load a model, or when it is loaded, talk to it."""
        view = self._manager.models.instance(model_id)
        if view is None or view.state is not InstanceState.READY:
            self.gestures.load(model_id)
            return
        if self._manager.models.get(model_id).embeds_only:
            self._messages.say_embeds(model_id)
        else:
            self._chat(model_id)

    def _chat(self, model_id: ModelId) -> None:
        """Talk to a model that is loaded."""
        if self._manager.models.active() != model_id:
            self.gestures.switch(model_id)
        self.show_page("playground")

    def _profile(self, model_id: ModelId) -> None:
        self.show_page("profile")
        self.profile_page.profile(model_id)

    def _choose_load_settings(self, model_id: ModelId) -> None:
        form = LoadForm(self._manager, self._intents, model_id)
        self.loaded_page.view_model.changed.connect(form.follow)
        work = choose_load_settings(self, self._look, self._intents, form)
        self._intents.run(f"choose load settings of {model_id}", work)

    def _reveal(self, model: str) -> None:
        model_id = ModelId(model)
        self.show_page("library")
        self.library_page.search.clear()
        self.library_page.view_model.refresh()
        self.library_page.view_model.select(model_id)

    def _reveal_added(self, additions: tuple[Addition, ...]) -> None:
        there = [item for item in additions if item.error is None]
        if there:
            self.library_page.reveal(there[-1].path)

    def _search(self) -> None:
        self.show_page("library")
        self.library_page.focus_search()

    def _save_search(self) -> None:
        line = self.library_page.search.text().strip()
        ask = partial(dialogs.ask_name, self, "Save this search?", f"It finds: {line}", "Save")
        self.gestures.save_search(ask, line)

    def _choose_smallest(self, need: str) -> None:
        self.show_page("library")
        if not self.library_page.choose_smallest(need):
            self.toaster.say("No model that the search finds fits into memory now.")

    def _show_duplicates(self) -> None:
        work = show_duplicates(self, self._look, self.duplicates)
        self._intents.run("show duplicates", work)

    def _show_copies(self) -> None:
        self.library_page.show_duplicates(self.duplicates.summary())

    def _annotate(self, model_id: ModelId) -> None:
        self.show_page("library")
        self.library_page.edit_notes(model_id)

    def _write_support_bundle(self) -> None:
        work = write_support_bundle(self, self._look, self._intents, self._manager)
        self._intents.run("support bundle", work)

    def _look_again(self, state: Qt.ApplicationState) -> None:
        """Look at folders again whose changes nobody tells of when somebody comes back."""
        here = state is Qt.ApplicationState.ApplicationActive
        if here and self._away:
            self.gestures.rescan_unwatched()
        self._away = not here

    def _new_conversation(self) -> None:
        self.show_page("playground")
        self.playground_page.new_conversation()

    def _follow(self) -> None:
        """Bring everything in step that sums up what is loaded."""
        loaded = self.loaded_page.view_model
        failures = loaded.failures()
        self.sidebar.button("loaded").set_badge(failures or loaded.count(), failing=bool(failures))
        self.library_page.show_restorable(loaded.restorable())
        self.loaded_page.show_restorable(loaded.restorable())
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        context = self._context()
        for action_id, action in self.actions_by_id.items():
            action.setEnabled(ACTIONS[action_id].enabled(context))

    def _tells_crash_itself(self, model_id: ModelId) -> bool:
        playground = self.playground_page.view_model
        return self._page == "loaded" or (
            self._page == "playground" and playground.is_answered_by(model_id)
        )

    def _shows_error(self, report: ErrorReport) -> bool:
        views = self._manager.models.instances()
        return self._page == "loaded" and any(view.error == report for view in views)

    def _apply_settings(self, events: list[SettingChanged]) -> None:
        if any(event.key == "theme" for event in events):
            self._look.apply(self._manager.settings.current().theme)

    def _recolour(self) -> None:
        for action_id, action in self.actions_by_id.items():
            if ACTIONS[action_id].icon:
                action.setIcon(self._look.icon(ACTIONS[action_id].icon))


def _local_paths(data: QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
