"""Models that are being quantised, and the form that starts it."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.domain.conversions import QUANTISATIONS, Quantisation, expected_size
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError, UnknownModel
from app.domain.events import ConversionEnded, ConversionProgressed
from app.domain.models import ModelId, ModelSpec
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels.lookup import Lookup
from app.ui.viewmodels.row_table import Column, RowTable

USUAL = "Q4_K_M"
WHOLE = frozenset({"F16", "BF16", "F32"})
"""Types that have lost nothing, or next to nothing."""
GOOD_FOR: dict[str, str] = {
    "Q2_K": "as small as it gets; loses much",
    "Q3_K_S": "very small; clearly worse",
    "Q3_K_M": "small; worse than 4 bits",
    "Q4_0": "fast on ARM processors",
    "Q4_K_S": "a little smaller than Q4_K_M",
    "Q4_K_M": "the usual choice: small and good",
    "Q5_K_S": "better, a little larger",
    "Q5_K_M": "close to the original",
    "Q6_K": "hardly told from the original",
    "Q8_0": "next to no loss; large",
    "F16": "full weights, to convert from",
    "BF16": "full weights, wider range",
}


@dataclass(frozen=True)
class Ended:
    """What came of a conversion."""

    model_id: ModelId
    quantisation: str
    made: ModelId | None = None
    """The new model; None when there is none."""
    failure: ErrorReport | None = None


@dataclass(frozen=True)
class Line:
    """One conversion under way."""

    name: str
    words: str
    share: float
    """0 to 1."""


@dataclass(frozen=True)
class Offer:
    """A type that the model can be quantised to."""

    kind: Quantisation
    size: int
    """Bytes that the new file takes at most."""


OFFER_COLUMNS: tuple[Column[Offer], ...] = (
    Column("Type", lambda offer: offer.kind.name),
    Column("At most", lambda offer: words.size(offer.size), figures=True),
    Column("Good for", lambda offer: GOOD_FOR[offer.kind.name]),
)


class Converting(QObject):
    """Starts and ends conversions; they go on whether or not anybody looks."""

    changed = Signal()
    """One has begun, come further or ended."""
    ended = Signal(object)
    """An Ended; nothing is told of one that a person cancelled."""

    def __init__(
        self, manager: Manager, bridge: Bridge, intents: Intents, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        bridge.on(ConversionProgressed, lambda _: self.changed.emit())
        bridge.on(ConversionEnded, lambda _: self.changed.emit())
        bridge.lost.connect(self.changed)

    def start(self, model_id: ModelId, quantisation: str) -> None:
        """Quantise a model."""
        self._intents.run(f"convert {model_id}", self._convert(model_id, quantisation))

    def cancel(self, model_id: ModelId) -> None:
        """End a model's conversion; nothing of it stays."""
        self._intents.run(f"end {model_id}", self._manager.conversions.cancel(model_id))

    def running(self) -> tuple[ConversionProgressed, ...]:
        """How far each has come, the first one first."""
        return self._manager.conversions.running()

    def progress(self, model_id: ModelId) -> ConversionProgressed | None:
        """How far a model's conversion has come; None when there is none."""
        return next((run for run in self.running() if run.model_id == model_id), None)

    def step(self, run: ConversionProgressed) -> str:
        """How far one has come, with the amount."""
        spec = self._manager.models.get(run.model_id)
        if not run.progress:
            return "Waiting to begin"
        whole = expected_size(spec, QUANTISATIONS[run.quantisation])
        done = words.size(int(whole * run.progress))
        return f"{words.percent(run.progress)}, {done} of at most {words.size(whole)}"

    def lines(self) -> dict[ModelId, Line]:
        """Every conversion under way in words, the first one first."""
        return {run.model_id: self._line(run) for run in self.running()}

    def _line(self, run: ConversionProgressed) -> Line:
        try:
            name, step = self._manager.models.get(run.model_id).name, self.step(run)
        except UnknownModel:
            # Its folder was taken out of the library meanwhile.
            name, step = "a model that has left the library", words.percent(run.progress)
        # One that waits for its turn has a bar that stands still.
        return Line(name, f"Converting {name} to {run.quantisation}: {step}", run.progress)

    async def _convert(self, model_id: ModelId, quantisation: str) -> None:
        try:
            made = await self._manager.conversions.quantise(model_id, quantisation)
        except AppError as error:
            self.ended.emit(Ended(model_id, quantisation, failure=report_of(error)))
        else:
            self.ended.emit(Ended(model_id, quantisation, made))


class ConvertForm(QObject):
    """The types on offer for one model, where the new file goes, and whether it fits there."""

    changed = Signal()

    def __init__(
        self,
        manager: Manager,
        converting: Converting,
        intents: Intents,
        model_id: ModelId,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._converting = converting
        self.spec: ModelSpec = manager.models.get(model_id)
        self.folder = manager.conversions.folder_for(model_id)
        self.table = RowTable[Offer](OFFER_COLUMNS, self)
        offers = [
            Offer(kind, expected_size(self.spec, kind))
            for kind in QUANTISATIONS.values()
            if kind.name != self.spec.quantisation
        ]
        self.table.replace(offers)
        names = [offer.kind.name for offer in offers]
        self.usual = names.index(USUAL) if USUAL in names else len(names) - 1
        """The row to begin with."""
        self.chosen: Offer | None = None
        self.failure: ErrorReport | None = None
        self._free = Lookup[int](intents, f"free space for {model_id}", self)
        self._free.changed.connect(self.changed)
        converting.changed.connect(self.changed)
        converting.ended.connect(self._ended)
        if self.folder is not None:
            self._free.start(lambda: manager.conversions.free_space(model_id))

    def leave(self) -> None:
        """Ask for nothing more; what is being converted goes on."""
        self._free.clear()
        self._converting.changed.disconnect(self.changed)
        self._converting.ended.disconnect(self._ended)

    def choose(self, row: int) -> None:
        """Take the type in a row."""
        self.chosen = self.table.row_at(row)
        self.failure = None
        self.changed.emit()

    def start(self) -> None:
        """Convert to the chosen type."""
        if self.chosen is not None and self.can_start():
            self.failure = None
            self._converting.start(self.spec.id, self.chosen.kind.name)
            self.changed.emit()

    def cancel(self) -> None:
        """End the conversion."""
        self._converting.cancel(self.spec.id)

    def can_start(self) -> bool:
        """Whether the chosen type can be written."""
        return self.chosen is not None and not self.problem() and self.progress() is None

    def progress(self) -> tuple[str, float] | None:
        """How far the model's conversion has come; None when there is none."""
        run = self._converting.progress(self.spec.id)
        if run is None:
            return None
        return f"To {run.quantisation}: {self._converting.step(run)}", run.progress

    def place(self) -> str:
        """Where the new file goes, and how much is free there."""
        if self.folder is None:
            return ""
        free = self._free.answer
        room = f" ({words.size(free)} free)" if free is not None else ""
        return f"The new file goes to {self.folder}{room}."

    def note(self) -> str:
        """What to know before; empty for a model that has lost nothing yet."""
        kind = self.spec.quantisation
        if not kind or kind in WHOLE:
            return ""
        return f"It is {kind} already: a second loss adds to the first. Start from F16 if there is one."

    def problem(self) -> str:
        """Why it can't be converted like this; empty when it can."""
        if self.folder is None:
            return "There is no folder of yours to write to. Add a folder to the library first."
        if self._free.failure is not None:
            return f"{self._free.failure.what} {self._free.failure.remedy}"
        free = self._free.answer
        if self.chosen is None or free is None or self.chosen.size <= free:
            return ""
        return (
            f"{self.chosen.kind.name} takes up to {words.size(self.chosen.size)}, and "
            f"{words.size(free)} are free. Make room, or choose a smaller type."
        )

    def _ended(self, ended: Ended) -> None:
        if ended.model_id == self.spec.id and ended.failure is not None:
            self.failure = ended.failure
            self.changed.emit()
