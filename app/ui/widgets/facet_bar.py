"""A row of chips, each a piece of the query line that is in it or not."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.ui import theme, words
from app.ui.viewmodels.facets import Facet
from app.ui.widgets.flow_layout import FlowLayout


class FacetBar(QWidget):
    """Shows which facets a line asks for; a press asks for another line."""

    toggled = Signal(str)
    """The piece of a chip that was pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: dict[Facet, QPushButton] = {}
        self._flow = FlowLayout(self, spacing=theme.SPACE_1)
        self.setAccessibleName("Filters")

    def chips(self) -> tuple[QPushButton, ...]:
        """The chips from left to right."""
        return tuple(self._chips.values())

    def show_facets(self, facets: Sequence[Facet], held: Callable[[str], bool]) -> None:
        """Show facets.

        Args:
            facets: what can be asked for.
            held: whether the line asks for a piece.
        """
        if (*facets,) != (*self._chips,):
            self._rebuild(facets)
        for facet, chip in self._chips.items():
            chip.setChecked(held(facet.piece))

    def _rebuild(self, facets: Sequence[Facet]) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._chips = {facet: self._chip(facet) for facet in facets}

    def _chip(self, facet: Facet) -> QPushButton:
        chip = QPushButton(words.button_text(facet.text))
        chip.setObjectName(f"facet_{facet.piece}")
        chip.setProperty("kind", "facet")
        chip.setCheckable(True)
        chip.setToolTip(words.tooltip(f"{facet.hint}: {facet.piece}"))
        # The line says whether it is checked, not the press.
        chip.clicked.connect(lambda: self.toggled.emit(facet.piece))
        self._flow.addWidget(chip)
        return chip
