"""What many models would take of memory, found out a slice at a time so that the window goes on."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from time import perf_counter

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.models import ModelId

SLICE_SECONDS = 0.004
PAUSE_MS = 8
"""Between two slices; without one, nothing else would get its turn."""


class Needs(QObject):
    """Remembers what models need; asks for it when somebody wants to order by it."""

    completed = Signal()
    """What was still unknown when somebody asked is known now."""

    def __init__(self, need: Callable[[ModelId], int | None], parent: QObject) -> None:
        super().__init__(parent)
        self._need = need
        self._known: dict[ModelId, int | None] = {}
        self._left: Iterator[ModelId] = iter(())
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._go_on)

    def of(self, ids: Sequence[ModelId]) -> Mapping[ModelId, int]:
        """What those of the models need of whom it is known by now, in bytes."""
        self._left = (model_id for model_id in ids if model_id not in self._known)
        if self._find_out():
            self._timer.stop()
        else:
            self._timer.start()
        return {model_id: need for model_id, need in self._known.items() if need is not None}

    def forget(self, ids: Collection[ModelId] | None) -> None:
        """These models, or all, need something else now."""
        if ids is None:
            self._known = {}
            return
        for model_id in ids:
            self._known.pop(model_id, None)

    def _go_on(self) -> None:
        if self._find_out():
            self._timer.stop()
            self.completed.emit()

    def _find_out(self) -> bool:
        """Go on for a slice; whether nothing is left."""
        end = perf_counter() + SLICE_SECONDS
        for model_id in self._left:
            self._known[model_id] = self._need(model_id)
            if perf_counter() > end:
                return False
        return True
