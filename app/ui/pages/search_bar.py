"""The Library's search: the query line, its facets, saved searches, and the length to fit."""

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from app.domain.events import SearchesChanged
from app.domain.models import Capability
from app.domain.query_language import Field, parse
from app.manager.manager import Manager
from app.ui import theme, words
from app.ui.actions import ACTIONS
from app.ui.bridge import Bridge
from app.ui.theme import Theme
from app.ui.viewmodels.capability_lines import CAPABILITY_WORDS
from app.ui.viewmodels.facets import facets, holds, toggled
from app.ui.viewmodels.library import LibraryViewModel
from app.ui.widgets.context_slider import ContextSlider
from app.ui.widgets.facet_bar import FacetBar
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.query_box import QueryBox
from app.ui.widgets.tab_order import in_tab_order

LEAST, MOST = 200, 460
NEEDS = (Capability.CHAT, Capability.TOOLS, Capability.VISION, Capability.EMBEDDING)
"""What the smallest model can be asked to cover."""


class SearchBar(QObject):
    """Owns the controls that ask for models; the line in the box is the one truth about them."""

    requested = Signal(str, str)
    """The id of an action and what it is for."""

    def __init__(
        self, manager: Manager, look: Theme, bridge: Bridge, view_model: LibraryViewModel
    ) -> None:
        super().__init__(view_model)
        self._manager = manager
        self._look = look
        self._view_model = view_model
        self.box = self._query_box()
        self.saved = self._menu_button("library_saved", "Saved searches", self._fill_saved)
        self.smallest = self._menu_button(
            "library_smallest", "Smallest model that fits", self._fill_smallest
        )
        self.problem = PlainLabel()
        self.problem.setObjectName("library_problem")
        self.problem.setProperty("role", "warn")
        self.problem.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.facets = FacetBar()
        self.context = ContextSlider()
        self.row = QWidget()
        line = QHBoxLayout(self.row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.SPACE_3)
        line.addWidget(self.facets, 1)
        line.addWidget(self.context, alignment=Qt.AlignmentFlag.AlignTop)
        self.box.textChanged.connect(self._search)
        self.box.closed.connect(self._show_line)
        self.facets.toggled.connect(self._toggle)
        self.context.changed.connect(view_model.fit_at)
        bridge.on(SearchesChanged, lambda _: self._show_line())
        look.changed.connect(self._recolour)
        self._recolour()
        self._show_line()

    def refresh(self) -> None:
        """There may be other providers to choose from."""
        self._show_line()
        in_tab_order(*self.facets.chips(), self.context.slider)

    def _query_box(self) -> QueryBox:
        box = QueryBox(self._manager.searches.complete)
        box.setObjectName("library_search")
        box.setAccessibleName("Search models")
        box.setAccessibleDescription("Words and fields, such as cap:tools size:<8GB fits")
        box.setPlaceholderText("Search, or cap:tools size:<8GB fits  ( / )")
        box.setClearButtonEnabled(True)
        box.setMinimumWidth(LEAST)
        box.setMaximumWidth(MOST)
        return box

    def _menu_button(self, name: str, text: str, fill: object) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setAccessibleName(text)
        button.setToolTip(text)
        button.setIconSize(QSize(theme.ICON, theme.ICON))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.aboutToShow.connect(fill)
        button.setMenu(menu)
        return button

    def _search(self, line: str) -> None:
        self._view_model.search(line)
        self._show_line()

    def _toggle(self, piece: str) -> None:
        self.box.setText(toggled(self.box.text(), piece))

    def _show_line(self) -> None:
        line = self.box.text()
        # What is half typed is no mistake yet.
        problems = "" if self.box.offers.isVisible() else " ".join(parse(line).problems)
        self.problem.setText(problems)
        self.problem.setVisible(bool(problems))
        providers = self._manager.searches.values()[Field.PROVIDER]
        self.facets.show_facets(facets(providers), lambda piece: holds(line, piece))

    def _fill_saved(self) -> None:
        menu, line = self.saved.menu(), self.box.text().strip()
        menu.clear()
        save = menu.addAction(ACTIONS["save_search"].text)
        save.setEnabled(bool(line))
        save.triggered.connect(lambda: self.requested.emit("save_search", ""))
        kept = self._manager.searches.saved()
        if not kept:
            return
        menu.addSeparator()
        for name, saved in kept.items():
            action = menu.addAction(words.button_text(name))
            action.setToolTip(saved)
            action.setCheckable(True)
            action.setChecked(saved == line)
            action.triggered.connect(lambda _=False, chosen=saved: self.box.setText(chosen))
        menu.addSeparator()
        forget = menu.addMenu("Forget")
        for name in kept:
            action = forget.addAction(words.button_text(name))
            action.triggered.connect(
                lambda _=False, chosen=name: self.requested.emit("forget_search", chosen)
            )

    def _fill_smallest(self) -> None:
        menu = self.smallest.menu()
        menu.clear()
        title = menu.addAction("Smallest that fits for")
        title.setEnabled(False)
        here = menu.addAction("this search" if self.box.text().strip() else "anything")
        here.triggered.connect(lambda: self.requested.emit("smallest", ""))
        for need in NEEDS:
            action = menu.addAction(CAPABILITY_WORDS[need])
            action.triggered.connect(
                lambda _=False, chosen=need: self.requested.emit("smallest", str(chosen))
            )

    def _recolour(self) -> None:
        self.saved.setIcon(self._look.icon("bookmark"))
        self.smallest.setIcon(self._look.icon("smallest"))
        for action in self.box.actions():
            self.box.removeAction(action)
        leading = QLineEdit.ActionPosition.LeadingPosition
        self.box.addAction(self._look.icon("search", "muted"), leading)
