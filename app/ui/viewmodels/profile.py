"""The Profile page: which model to measure, the run under way, and the kept runs."""

from contextlib import aclosing
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.domain.errors import UnknownModel
from app.domain.events import AliasAssigned, InstanceChanged, ModelsChanged, ProfilingCompleted
from app.domain.instances import COMING, InstanceState
from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.domain.profiles import ProfileProgress, ProfileRun, ProfileRunId, RequestProfile
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels.profile_series import Series, series_of
from app.ui.viewmodels.profile_table import ProfileTable

INTENT = "profile"


OFFERED = 200
"""So many models that aren't loaded are listed; any other can be chosen in the Library."""


@dataclass(frozen=True)
class Choice:
    """A model that can be measured."""

    id: ModelId
    text: str
    loaded: bool


@dataclass(frozen=True)
class Step:
    """How far the run under way has come."""

    text: str
    share: float | None
    """0 to 1; None when that can't be said."""


class Profiling(QObject):
    """Owns the run under way; shows that one or a kept one."""

    choices_changed = Signal()
    """Other models can be measured, or others of them are loaded; another may be chosen."""
    chosen_changed = Signal()
    running_changed = Signal()
    """A run began or ended."""
    stepped = Signal()
    """The run under way has come further."""
    shown_changed = Signal()
    """Other series are to be drawn."""
    grew = Signal()
    """The series that are shown got longer."""

    def __init__(
        self, manager: Manager, bridge: Bridge, intents: Intents, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self.runs = ProfileTable(self)
        self.choices: tuple[Choice, ...] = ()
        """Models to measure, the loaded ones first."""
        self.chosen: ModelId | None = None
        self.shown: ProfileRun | None = None
        """The kept run whose charts are shown; None while a run is under way or none is kept."""
        self._seen = False
        self._stale = True
        self._ready: frozenset[ModelId] = frozenset()
        self._picked = False
        """Whether a person chose the model; the active one is followed until then."""
        self._measured: ModelId | None = None
        self._progress: ProfileProgress | None = None
        self._requests: list[RequestProfile] = []
        self._gaps: list[float] = []
        bridge.on(ModelsChanged, lambda _: self._models_changed())
        bridge.on(AliasAssigned, lambda _: self.watch(seen=self._seen))
        bridge.on(InstanceChanged, lambda _: self._instances_changed())
        bridge.on(ProfilingCompleted, lambda _: self._list())
        bridge.lost.connect(self._models_changed)
        bridge.lost.connect(self._list)
        intents.busy_changed.connect(self._busy)
        self._list()
        self._show_newest()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._intents.running(INTENT)

    def series(self) -> Series:
        """What the charts show: the run under way, else the shown one."""
        if self.shown is not None:
            return series_of(self.shown)
        return Series(requests=tuple(self._requests), gaps=tuple(self._gaps))

    def expected(self) -> int:
        """How many requests the shown run has or will have; 0 while that isn't known."""
        if self.shown is not None:
            return len(self.shown.requests)
        return self._progress.requests if self._progress is not None else 0

    def heading(self) -> str:
        """Whose series these are."""
        if self.shown is not None:
            return f"{self.shown.model_name} · {words.moment(self.shown.started_at)}"
        return self._manager.models.get(self._measured).name if self._measured else ""

    def step(self) -> Step | None:
        """How far the run under way has come; None when there is none."""
        if not self.running or self._measured is None:
            return None
        if self._progress is None:
            view = self._manager.models.instance(self._measured)
            if view is not None and view.state in COMING:
                loading = view.state is InstanceState.LOADING
                return Step(words.state(view).capitalize(), view.progress if loading else None)
            return Step("Starting", None)
        if self._progress.request == 0:
            return Step("Warming up", 0.0)
        total = self._progress.requests
        return Step(
            f"Request {self._progress.request} of {total}", len(self._requests) / max(1, total)
        )

    def watch(self, *, seen: bool) -> None:
        """Keep the choices in step while somebody sees them, and only then."""
        self._seen = seen
        if seen:
            self._catch_up()

    def choose(self, model_id: ModelId) -> None:
        """Choose the model to measure next."""
        self._catch_up()
        if all(choice.id != model_id for choice in self.choices):
            self._offer(model_id)
        if any(choice.id == model_id for choice in self.choices):
            self._picked = True
            self.chosen = model_id
            self.chosen_changed.emit()

    def start(self) -> bool:
        """Measure the chosen model, loading it when needed; whether that began."""
        if self.chosen is None or self.running:
            return False
        self._measured = self.chosen
        self._progress = None
        self._requests = []
        self._gaps = []
        self.shown = None
        self.shown_changed.emit()
        return self._intents.run(INTENT, self._run(self.chosen))

    def cancel(self) -> None:
        """End the run under way; nothing is kept of it."""
        self._intents.cancel(INTENT)

    def show_run(self, run_id: ProfileRunId) -> None:
        """Show a kept run's charts; while a run is under way, that one stays on show."""
        run = self.runs.row_at(self.runs.row_of(run_id))
        if run is not None and run != self.shown and not self.running:
            self.shown = run
            self.shown_changed.emit()

    def delete(self, run_id: ProfileRunId) -> None:
        """Forget a kept run."""
        self._intents.run(f"delete run {run_id}", self._delete(run_id))

    async def _run(self, model_id: ModelId) -> None:
        async with self._manager.profiles.run(model_id) as stream, aclosing(aiter(stream)) as steps:
            async for progress in steps:
                self._take(progress)
        if stream.result is not None:
            self._list()
            self.shown = stream.result
            self.shown_changed.emit()

    def _take(self, progress: ProfileProgress) -> None:
        self._progress = progress
        # The warm-up isn't part of the result, and so not of its charts.
        if progress.request > 0:
            self._gaps.extend(progress.token_seconds)
            if progress.done is not None:
                self._requests.append(progress.done)
            self.grew.emit()
        self.stepped.emit()

    async def _delete(self, run_id: ProfileRunId) -> None:
        await self._manager.profiles.delete(run_id)
        self._list()
        if self.shown is not None and self.shown.id == run_id:
            self._show_newest()

    def _show_newest(self) -> None:
        self.shown = self.runs.row_at(0)
        self.shown_changed.emit()

    def _busy(self, name: str, busy: bool) -> None:
        if name != INTENT:
            return
        if not busy and self.shown is None:
            # Cancelled or failed: back to what was there before it.
            self._requests, self._gaps = [], []
            self._show_newest()
        self.running_changed.emit()

    def _list(self) -> None:
        self.runs.replace(self._manager.profiles.runs())

    def _instances_changed(self) -> None:
        if ready(self._manager) != self._ready:
            self._models_changed()
        if self.running and self._progress is None:
            self.stepped.emit()

    def _models_changed(self) -> None:
        self._stale = True
        if self._seen:
            self._catch_up()

    def _catch_up(self) -> None:
        """Choose again, among models that are listed again where that was put off."""
        known, chosen = self.choices, self.chosen
        if self._stale:
            self._stale = False
            self._ready = ready(self._manager)
            self._offer(self.chosen if self._picked else self._manager.models.active())
        self.chosen = self._proposed()
        if self.choices != known:
            self.choices_changed.emit()
        elif self.chosen != chosen:
            self.chosen_changed.emit()

    def _offer(self, wanted: ModelId | None) -> None:
        self.choices = choices(self._manager, wanted)

    def _proposed(self) -> ModelId | None:
        """What a person chose, else the active model, else the first one."""
        active = self._manager.models.active()
        wanted = (self.chosen, active) if self._picked else (active,)
        known = {choice.id for choice in self.choices}
        first = self.choices[0].id if self.choices else None
        return next((model_id for model_id in wanted if model_id in known), first)


def ready(manager: Manager) -> frozenset[ModelId]:
    """The models that are loaded."""
    views = manager.models.instances()
    return frozenset(view.model_id for view in views if view.state is InstanceState.READY)


def choices(manager: Manager, chosen: ModelId | None = None) -> tuple[Choice, ...]:
    """Models that can be measured: those that write text, the loaded ones first.

    A loaded one needs neither its file nor its folder. Of the others there may be too many for a
    list: the first are offered, and the one that is chosen.
    """
    loaded = ready(manager)
    here = sorted(map(manager.models.get, loaded), key=lambda spec: (spec.name.casefold(), spec.id))
    query = ModelQuery(status=ModelStatus.AVAILABLE, loaded=False, limit=OFFERED)
    others = [*map(manager.models.get, manager.models.query(query).ids)]
    if chosen is not None and all(spec.id != chosen for spec in (*here, *others)):
        others += [spec for spec in _known(manager, chosen) if spec.status is query.status]
    specs = [spec for spec in (*here, *others) if not spec.embeds_only]
    return tuple(
        Choice(
            id=spec.id,
            text=f"{spec.name} (loaded)" if spec.id in loaded else spec.name,
            loaded=spec.id in loaded,
        )
        for spec in specs
    )


def _known(manager: Manager, model_id: ModelId) -> tuple[ModelSpec, ...]:
    try:
        return (manager.models.get(model_id),)
    except UnknownModel:
        return ()
