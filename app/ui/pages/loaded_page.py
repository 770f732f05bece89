"""What is in memory now: one card a model, and the memory that they share."""

from itertools import chain

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QLabel,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import theme, words
from app.ui.bridge import Bridge
from app.ui.theme import Theme
from app.ui.viewmodels.loaded import Card, LoadedViewModel
from app.ui.widgets.banner import Banner
from app.ui.widgets.empty_state import EmptyState
from app.ui.widgets.memory_bar import MemoryBar
from app.ui.widgets.model_card import ModelCard
from app.ui.widgets.page_header import PageHeader
from app.ui.widgets.tab_order import in_tab_order

CARD_WIDTH = 920
"""Wider cards only part the words that belong together."""
TICK_MS = 1_000


class LoadedPage(QWidget):
    """Cards in a column, the active one first."""

    requested = Signal(str, str)
    """The id of an action and of its model."""
    navigate = Signal(str)

    def __init__(
        self,
        manager: Manager,
        look: Theme,
        bridge: Bridge,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self.view_model = LoadedViewModel(manager, bridge, self)
        self._cards: dict[ModelId, ModelCard] = {}
        self._order: list[ModelId] = []
        self.restore = Banner(look, "retry", "Restore")
        self._memory = QLabel()
        self._memory.setFont(theme.figures())
        self._memory.setProperty("role", "muted")
        self._bar = MemoryBar(look, labelled=True)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.refresh)
        self._lay_out()
        self.view_model.changed.connect(self._follow)
        self.restore.triggered.connect(lambda: self.requested.emit("restore", ""))
        self._empty.triggered.connect(lambda: self.navigate.emit("library"))
        self.refresh()

    def refresh(self) -> None:
        """Show what is loaded now."""
        cards = self.view_model.cards()
        self._show_cards(cards)
        self._stack.setCurrentIndex(0 if cards else 1)
        memory = self.view_model.shares()
        self._bar.set_memory(memory)
        self._memory.setText(memory.sentence)
        self._tick()

    def show_restorable(self, count: int) -> None:
        """Offer to load the models of the last run; 0 offers nothing."""
        text = f"{words.amount(count, 'model')} from last time can be loaded again."
        if not count and self.restore.button.hasFocus():
            self._area.setFocus()
        self.restore.set_words(text if count else "")

    def showEvent(self, event: QShowEvent) -> None:
        """Count seconds only while somebody looks."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop counting."""
        super().hideEvent(event)
        self._timer.stop()

    def _lay_out(self) -> None:
        holder = QWidget()
        holder.setProperty("role", "page")
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_3)
        self._column.addStretch()
        area = self._area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self._empty = EmptyState(
            self._look,
            "loaded",
            "No model is loaded.",
            "Load one in the Library; it stays in memory until it is ejected.",
            "Open the Library",
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(area)
        self._stack.addWidget(self._empty)
        self._stack.setMaximumWidth(CARD_WIDTH)
        self._bar.setMaximumWidth(CARD_WIDTH)
        self.restore.setMaximumWidth(CARD_WIDTH)

        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.SPACE_4] * 4)
        column.setSpacing(theme.SPACE_3)
        for widget in (PageHeader("Loaded"), self.restore, self._memory, self._bar):
            column.addWidget(widget)
        column.addWidget(self._stack, 1)

    def _follow(self) -> None:
        """Keep in step while somebody looks; showing the page catches up."""
        if self.isVisible():
            self.refresh()

    def _show_cards(self, cards: tuple[Card, ...]) -> None:
        order = [card.model_id for card in cards]
        for gone in set(self._cards) - set(order):
            widget = self._cards.pop(gone)
            self._pass_focus_on(widget)
            self._column.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        for card in cards:
            if card.model_id in self._cards:
                self._cards[card.model_id].show_card(card)
            else:
                self._cards[card.model_id] = self._new_card(card)
        if order != self._order:
            self._order = order
            for place, model_id in enumerate(order):
                self._column.removeWidget(self._cards[model_id])
                self._column.insertWidget(place, self._cards[model_id])
            buttons = [self._cards[model_id].all_buttons() for model_id in order]
            in_tab_order(self.restore.button, *chain.from_iterable(buttons))

    def _pass_focus_on(self, leaving: ModelCard) -> None:
        """Give the focus of a card that goes to another card, or to the page."""
        if leaving.isAncestorOf(self.window().focusWidget()):
            others = chain.from_iterable(card.buttons() for card in self._cards.values())
            next(others, self._area).setFocus(Qt.FocusReason.OtherFocusReason)

    def _new_card(self, card: Card) -> ModelCard:
        widget = ModelCard(self._look, card)
        model_id = card.model_id
        widget.triggered.connect(lambda action: self.requested.emit(action, model_id))
        widget.focus_left.connect(self._area.setFocus)
        return widget

    def _tick(self) -> None:
        """Run the clock only while there are seconds to show."""
        if self.isVisible() and self.view_model.counting():
            if not self._timer.isActive():
                self._timer.start()
        else:
            self._timer.stop()
