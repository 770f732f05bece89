"""Every model there is: find one, see what it is, load it."""

from pathlib import PurePath

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import Folder, ModelId
from app.domain.settings import WindowPlace
from app.manager.manager import Manager
from app.ui import theme, words
from app.ui.actions import ACTIONS
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.pages.model_browser import ModelBrowser
from app.ui.pages.search_bar import SearchBar
from app.ui.theme import Theme
from app.ui.viewmodels.converting import Converting
from app.ui.viewmodels.facets import holds, toggled
from app.ui.viewmodels.inspected import Inspected
from app.ui.viewmodels.library import LibraryViewModel
from app.ui.viewmodels.local_servers import LocalServers
from app.ui.viewmodels.notes import Notes
from app.ui.widgets.banner import Banner
from app.ui.widgets.chip import Chip
from app.ui.widgets.conversion_banners import ConversionBanners
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.flow_layout import FlowLayout
from app.ui.widgets.inspector import Inspector
from app.ui.widgets.local_offers import LocalOffers
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.quiet_line import QuietLine
from app.ui.widgets.tab_order import in_tab_order

INSPECTOR_WIDTH = 360
"""Its tabs take two lines."""
INSPECT_MS = 30
"""So much later than the rows the inspector follows: whoever types or holds an arrow key looks at
those."""


class LibraryPage(QWidget):
    """The table on the left, the inspector on the right, folders and the scan above."""

    requested = Signal(str, str)
    """The id of an action, and what it is for: a model's id, a folder's path, or nothing."""

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
        self._look = look
        self.view_model = LibraryViewModel(manager, bridge, self)
        self.search_bar = SearchBar(manager, look, bridge, self.view_model)
        self.search = self.search_bar.box
        self.browser = ModelBrowser(look, self.view_model)
        self.inspector = Inspector(
            look,
            Inspected(manager, bridge, intents, self),
            Notes(manager, bridge, intents, self),
        )
        self.restore = Banner(look, "retry", "Restore")
        self.copies = QuietLine("library_copies", "Show copies")
        self.scan = Banner(look, "search", "Cancel", busy=True)
        self.converting = Converting(manager, bridge, intents, self)
        self.conversions = ConversionBanners(look, self.converting)
        self.servers = LocalServers(manager, intents, bridge, self)
        self.offers = LocalOffers(look, self.servers)
        self._chips = QWidget()
        self._chip_flow = FlowLayout(self._chips, spacing=theme.SPACE_2)
        self._stack = QStackedWidget()
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._inspected: ModelId | None = None
        self._inspection = QTimer(self)
        self._inspection.setSingleShot(True)
        self._inspection.setInterval(INSPECT_MS)
        self._lay_out()
        self._connect()
        self._show_folders()
        self._show_rows()
        self._show_scan()
        self._show_selection()
        self._recolour()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for servers on this machine where there is no model yet."""
        super().showEvent(event)
        if not self.view_model.table.known:
            self.servers.look_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop looking for servers."""
        super().hideEvent(event)
        self.servers.leave()

    def focus_search(self) -> None:
        """Put the cursor into the search box, what it holds selected."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def reveal(self, path: str) -> None:
        """Select the model at a path, or the first one below it, when there is one."""
        self.search.clear()
        self.view_model.refresh()
        model_id = self.view_model.at_path(path)
        if model_id is not None:
            self.view_model.select(model_id)

    def edit_notes(self, model_id: ModelId) -> None:
        """Put the cursor where a model's tags are written."""
        self.view_model.select(model_id)
        self._show_selection()
        self.inspector.edit_notes()

    def choose_smallest(self, need: str = "") -> bool:
        """Select the smallest model that the search finds, has a capability, and fits.

        Returns:
            Whether there is one.
        """
        piece = f"cap:{need}"
        if need and not holds(self.search.text(), piece):
            self.search.setText(toggled(self.search.text(), piece))
        model_id = self.view_model.smallest()
        if model_id is None:
            return False
        self.view_model.select(model_id)
        self._enter_table()
        return True

    def restore_place(self, place: WindowPlace) -> None:
        """Choose the columns and the context length that were chosen."""
        if place.library_columns is not None:
            self.browser.choose_columns(place.library_columns)
        self.search_bar.context.choose(place.fit_context)

    def with_place(self, place: WindowPlace) -> WindowPlace:
        """A place with what is chosen here."""
        chosen = {
            "library_columns": self.browser.chosen_columns,
            "fit_context": self.search_bar.context.length,
        }
        return place.model_copy(update=chosen)

    def show_duplicates(self, text: str) -> None:
        """Say how much room copies take; nothing hides the line."""
        if not text and self.copies.isAncestorOf(self.window().focusWidget()):
            self.browser.setFocus()
        self.copies.say(text)

    def show_restorable(self, count: int) -> None:
        """Offer to load the models of the last run; 0 offers nothing."""
        text = f"{words.amount(count, 'model')} from last time can be loaded again."
        if not count and self.restore.button.hasFocus():
            self.browser.setFocus()
        self.restore.set_words(text if count else "")

    def _lay_out(self) -> None:
        self._header = PageHeader("Library")
        self._rescan = QToolButton()
        self._rescan.setObjectName("library_rescan")
        self._rescan.setToolTip(f"{ACTIONS['rescan'].text} (F5)")
        self._rescan.setAccessibleName(ACTIONS["rescan"].text)
        self._rescan.setIconSize(QSize(theme.ICON, theme.ICON))
        self._add = QPushButton("Add folder")
        self._add.setObjectName("library_add_folder")
        self._add.setToolTip(ACTIONS["add_folder"].tooltip)
        self._header.add(self.search, stretch=3)
        self._header.add(self.search_bar.saved)
        self._header.add(self.search_bar.smallest)
        self._header.add(self._rescan)
        self._header.add(self._add)

        self._splitter.setObjectName("library")
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(theme.SPACE_3)
        self._splitter.addWidget(self.browser)
        self._splitter.addWidget(self.inspector)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 0)
        self._splitter.setSizes([theme.READING_WIDTH, INSPECTOR_WIDTH])
        self._empty = EmptyState(
            self._look,
            "library",
            "No models yet.",
            "Choose a folder that holds GGUF files, or drop one on this window. "
            "Modelyard reads their headers and leaves the files alone.",
            "Add a folder",
        )
        self._nothing = EmptyState(
            self._look,
            "search",
            "No model matches.",
            "Every word and every field has to match.",
            "Clear search",
        )
        for page in (self._splitter, self._empty, self._nothing):
            self._stack.addWidget(page)

        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_3)
        for widget in (
            self._header,
            self.search_bar.problem,
            self.restore,
            self._chips,
            self.scan,
            self.conversions,
            self.copies,
            self.search_bar.row,
            self.offers,
        ):
            column.addWidget(widget)
        column.addWidget(self._stack, 1)

    def _connect(self) -> None:
        view_model = self.view_model
        self.search.left.connect(self._enter_table)
        self.search_bar.requested.connect(self.requested)
        self._rescan.clicked.connect(lambda: self.requested.emit("rescan", ""))
        self._add.clicked.connect(lambda: self.requested.emit("add_folder", ""))
        self._empty.triggered.connect(lambda: self.requested.emit("add_folder", ""))
        self._nothing.triggered.connect(self.search.clear)
        self.copies.triggered.connect(lambda: self.requested.emit("duplicates", ""))
        self.scan.triggered.connect(lambda: self.requested.emit("cancel_scan", ""))
        self.restore.triggered.connect(lambda: self.requested.emit("restore", ""))
        self.browser.opened.connect(lambda model_id: self.requested.emit("open", model_id))
        self.browser.requested.connect(self.requested)
        self.inspector.focus_left.connect(self.browser.setFocus)
        self.inspector.triggered.connect(self._request_for_inspected)
        view_model.rows_changed.connect(self._show_rows)
        view_model.selection_changed.connect(self._inspect_soon)
        self._inspection.timeout.connect(self._show_selection)
        view_model.scan_changed.connect(self._show_scan)
        view_model.folders_changed.connect(self._show_folders)
        self._look.changed.connect(self._recolour)

    def _enter_table(self) -> None:
        self.browser.setFocus(Qt.FocusReason.OtherFocusReason)

    def _request_for_inspected(self, action: str) -> None:
        if self._inspected is not None:
            self.requested.emit(action, self._inspected)

    def _inspect_soon(self) -> None:
        if not self._inspection.isActive():
            self._inspection.start()

    def _show_rows(self) -> None:
        table = self.view_model.table
        known = bool(table.known)
        self._header.set_note(self.view_model.count_words() if known else "")
        self.search.setEnabled(known or bool(self.search.text()))
        self.search_bar.row.setVisible(known)
        self.search_bar.saved.setEnabled(self.search.isEnabled())
        self.search_bar.smallest.setEnabled(known)
        scanning = bool(self.view_model.scan_words())
        # Whoever has no model yet may have a server that has.
        self.offers.want(not known)
        if table.rowCount() or (scanning and not known):
            self._stack.setCurrentWidget(self._splitter)
        else:
            self._stack.setCurrentWidget(self._nothing if known else self._empty)

    def _show_selection(self) -> None:
        view_model = self.view_model
        selected = view_model.selected
        self._inspected = selected.id if selected is not None else None
        self.inspector.show_model(
            selected, view_model.state(), view_model.sections(), view_model.context()
        )

    def _show_scan(self) -> None:
        self.scan.set_words(self.view_model.scan_words())
        self._rescan.setEnabled(ACTIONS["rescan"].enabled(self.view_model.context()))
        self._show_rows()

    def _show_folders(self) -> None:
        while (item := self._chip_flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        chips = [self._chip(folder) for folder in self.view_model.folders()]
        chips += [self._store_chip(store) for store in self.view_model.stores()]
        for chip in chips:
            self._chip_flow.addWidget(chip)
        in_tab_order(self.restore.button, *(chip.cross for chip in chips if chip.cross))
        self._chips.setVisible(bool(chips))
        self._show_scan()
        self.search_bar.refresh()

    def _chip(self, folder: Folder) -> Chip:
        name = PurePath(folder.path).name or folder.path
        text = name if folder.present else f"{name} (missing)"
        role = "text" if folder.present else "muted"
        chip = Chip(self._look, text, icon="folder", role=role, removable=True)
        chip.setObjectName(f"folder_{folder.path}")
        chip.setToolTip(words.tooltip(self.view_model.folder_words(folder)))
        chip.removed.connect(lambda: self.requested.emit("remove_folder", folder.path))
        return chip

    def _store_chip(self, store: Folder) -> Chip:
        name = words.STORE_WORDS[store.store] if store.store is not None else store.path
        text = name if store.present else f"{name} (missing)"
        chip = Chip(self._look, text, icon="library", role="muted")
        chip.setObjectName(f"store_{store.path}")
        where = self.view_model.folder_words(store)
        chip.setToolTip(words.tooltip(f"{where}\nRead only: it belongs to {name}."))
        return chip

    def _recolour(self) -> None:
        self._rescan.setIcon(self._look.icon("retry"))
        self._add.setIcon(self._look.icon("plus"))
