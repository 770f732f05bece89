"""The state of the Library page: rows, search, selection, folders and the scan."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AccountsChanged,
    AliasAssigned,
    AnnotationChanged,
    FoldersChanged,
    InstanceChanged,
    LoadSettingsChanged,
    MemoryPlanned,
    MetricsChanged,
    ModelsChanged,
    ScanFinished,
    ScanProgressed,
)
from app.domain.instances import InstanceView
from app.domain.models import Capability, Folder, ModelId, ModelQuery, ModelSpec
from app.domain.spending import Price
from app.manager.manager import Manager
from app.ui import words
from app.ui.actions import Context
from app.ui.bridge import Bridge
from app.ui.viewmodels.context import context_of
from app.ui.viewmodels.model_columns import STAR
from app.ui.viewmodels.model_facts import ModelFacts
from app.ui.viewmodels.model_table import ModelTable
from app.ui.viewmodels.overview import Section, overview

REFRESH_MS = 100
"""A scan adds rows in bursts; sorting them anew that often is often enough."""


class LibraryViewModel(QObject):
    """Feeds the table from the registry and keeps the selection by id."""

    rows_changed = Signal()
    """Rows came or went; the selection stays on its model where that is still shown."""
    selection_changed = Signal()
    """Another model is selected, or something about the selected one changed."""
    scan_changed = Signal()
    folders_changed = Signal()
    failed = Signal(object)
    """An ErrorReport of a scan that the person asked for."""

    def __init__(self, manager: Manager, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._facts = ModelFacts(manager)
        self.price: Callable[[ModelId], Price | None] = lambda model_id: None
        """Tells what a model is thought to cost."""
        self._selected: ModelId | None = None
        self._settled: dict[ModelId, InstanceView] = {}
        """The last view of each instance, without the progress of its load."""
        self._errors: dict[str, ErrorReport] = {}
        # What is missing at the start is shown, not announced: nobody asked just now.
        self._first_scan = {folder.path for folder in manager.library.folders()}
        self.table = ModelTable(self._facts, self)
        self.line = ""
        """What is searched for."""
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(REFRESH_MS)
        self._refresh.timeout.connect(self._catch_up)
        self._stale = False
        """Whether models changed while the last refresh was too recent for another."""
        bridge.on(ModelsChanged, self._models_changed)
        # Rows show accounts by name.
        bridge.on(AccountsChanged, lambda _: self.table.touch())
        bridge.on(InstanceChanged, self._instances_changed)
        bridge.on(AliasAssigned, self._aliases_changed)
        bridge.on(MetricsChanged, self._models_touched)
        bridge.on(MemoryPlanned, self._models_touched)
        bridge.on(LoadSettingsChanged, self._models_touched)
        bridge.on(AnnotationChanged, self._annotations_changed)
        bridge.on(FoldersChanged, lambda _: self.folders_changed.emit())
        bridge.on(ScanProgressed, lambda _: self.scan_changed.emit())
        bridge.on(ScanFinished, self._scans_finished)
        bridge.lost.connect(self.refresh)
        self.refresh()

    @property
    def selected(self) -> ModelSpec | None:
        """The selected model, if it is still known."""
        return self.context().model

    def refresh(self) -> None:
        """Show what the registry knows now."""
        self.table.refresh()
        self._keep_to_shown()
        self.rows_changed.emit()
        self.selection_changed.emit()

    def search(self, line: str) -> None:
        """Show the models that a query line asks for."""
        self.line = line
        self.table.filter(line)
        self._keep_to_shown()
        self.rows_changed.emit()

    def fit_at(self, context_length: int | None) -> None:
        """Tell fits at another context length; None for each model's own settings."""
        self.table.fit_at(context_length)
        self._keep_to_shown()
        self.rows_changed.emit()

    def at_path(self, path: str) -> ModelId | None:
        """The model that lies at a path or, in the order of the rows, first below it."""
        named = PurePath(os.path.abspath(path))  # noqa: PTH100 - links stay as they are named
        models = self._manager.models
        found = models.query(ModelQuery(words=str(named), limit=None)).ids
        for spec in filter(None, map(self._facts.spec, found)):
            if _lies_in(spec.path, named):
                return spec.id
        # The search knows no copies.
        copied = map(self._facts.spec, models.copied())
        there = {s.id for s in copied if s and any(_lies_in(copy, named) for copy in s.copies)}
        return next((model_id for model_id in self.table.shown() if model_id in there), None)

    def select(self, model_id: ModelId | None) -> None:
        """Select a model, shown or not."""
        if model_id != self._selected:
            self._selected = model_id
            self.selection_changed.emit()

    def context(self, page: str = "library") -> Context:
        """What the actions depend on."""
        context = context_of(self._manager, page, self._selected)
        return replace(context, searching=bool(self.line.strip()))

    def sections(self) -> tuple[Section, ...]:
        """What the inspector says of the selected model."""
        spec = self.selected
        if spec is None:
            return ()
        return overview(spec, self._manager, self.price(spec.id))

    def state(self) -> str:
        """The state of the selected model in words, and whether it is marked; may be empty."""
        spec = self.selected
        if spec is None:
            return ""
        view = self._manager.models.instance(spec.id)
        state = words.state(view) if view is not None else ""
        marked = f"{STAR} favourite" if self._facts.favourite(spec) else ""
        return " · ".join(filter(None, (state, marked)))

    def smallest(self, need: str = "") -> ModelId | None:
        """The smallest model that the search finds and that fits; None when there is none.

        Args:
            need: a capability that it has to have.
        """
        needs = [Capability(need)] if need else []
        length = self._facts.context_length
        return self._manager.searches.smallest(needs, self.line, length)

    def stores(self) -> Sequence[Folder]:
        """Other programs' collections that are looked into."""
        return self._manager.library.stores()

    def folders(self) -> Sequence[Folder]:
        """The user's folders."""
        return self._manager.library.folders()

    def folder_words(self, folder: Folder) -> str:
        """The folder's path, or why it can't be read."""
        error = self._errors.get(folder.path)
        if error is not None:
            return f"{error.what} {error.remedy}"
        return folder.path if folder.present else f"{folder.path} isn't there."

    def scan_words(self) -> str:
        """How far the scan has come; empty when there is none."""
        scan = self._manager.library.scanning()
        if scan is None:
            return ""
        models, files = words.amount(scan.models, "model"), words.amount(scan.files, "file")
        return f"Scanning {scan.folder}: {models} in {files}"

    def count_words(self) -> str:
        """How many models there are and how many of them are shown."""
        known, shown, unusable = self.table.known, self.table.rowCount(), self.table.unusable
        if shown == known:
            usable = words.amount(known - unusable, "model")
            return f"{usable}, {words.count(unusable)} unusable" if unusable else usable
        return f"{words.count(shown)} of {words.amount(known, 'model')}"

    def _keep_to_shown(self) -> None:
        """Select the first row when the selected model has none: what is acted on is seen."""
        if self.table.row_of(self._selected) is None:
            shown = self.table.shown()
            self.select(shown[0] if shown else None)

    def _models_changed(self, _events: list[ModelsChanged]) -> None:
        self._stale = True
        if not self._refresh.isActive():
            self._catch_up()

    def _catch_up(self) -> None:
        if self._stale:
            self._stale = False
            self.refresh()
            self._refresh.start()

    def _instances_changed(self, events: list[InstanceChanged]) -> None:
        ids = {event.instance.model_id for event in events}
        settled = {
            event.instance.model_id: event.instance.model_copy(update={"progress": None})
            for event in events
        }
        if settled.items() <= self._settled.items():
            self.table.repaint(ids)
            self._selection_touched(ids)
            return
        self._settled |= settled
        # Memory moved, so that other models' fits did too.
        self._facts.forget_room()
        if self.table.memory_moved():
            self._keep_to_shown()
            self.rows_changed.emit()
        self.table.touch()
        self._selection_touched(ids)

    def _aliases_changed(self, events: list[AliasAssigned]) -> None:
        ids = {found for event in events for found in (event.model_id, event.previous) if found}
        self.table.touch(ids)
        self._selection_touched(ids)

    def _models_touched(
        self, events: Sequence[MetricsChanged | MemoryPlanned | LoadSettingsChanged]
    ) -> None:
        ids = {event.model_id for event in events}
        self.table.touch(ids)
        self._selection_touched(ids)

    def _annotations_changed(self, events: list[AnnotationChanged]) -> None:
        ids = {event.model_id for event in events}
        self.table.noted(ids)
        self._keep_to_shown()
        self.rows_changed.emit()
        self._selection_touched(ids)

    def _selection_touched(self, ids: set[ModelId]) -> None:
        if self._selected in ids:
            self.selection_changed.emit()

    def _scans_finished(self, events: list[ScanFinished]) -> None:
        self.scan_changed.emit()
        for event in events:
            self._errors.pop(event.folder, None)
            if event.error is not None:
                self._errors[event.folder] = event.error
                if event.folder not in self._first_scan:
                    self.failed.emit(event.error)
            self._first_scan.discard(event.folder)
        self.folders_changed.emit()


def _lies_in(path: str, named: PurePath) -> bool:
    return bool(path) and PurePath(path).is_relative_to(named)
