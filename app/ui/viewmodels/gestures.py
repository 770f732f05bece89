"""What the person can do to models and folders, each gesture one named intent."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import report_of
from app.domain.errors import AppError, InvalidFile
from app.domain.models import ModelId, ModelSpec
from app.domain.switching import SwitchMethod
from app.manager.manager import Manager
from app.tasks import in_daemon_thread
from app.ui.intents import Intents
from app.ui.viewmodels.additions import Addition, Outcome

log = logging.getLogger(__name__)

SWITCH = "switch"


class Gestures(QObject):
    """Starts gestures through the intents, and says what a switch will do before it acts."""

    switched = Signal(str)
    """The id of a model that new prompts now go to because the person said so."""
    switching = Signal(str)
    """What a switch under way waits for, in a sentence; empty once it is over."""
    added = Signal(object)
    """What became of the folders and files that the person named, as a tuple of Addition."""
    folder_removed = Signal(str)
    """The path of a folder that the person took out of the library."""

    def __init__(self, manager: Manager, intents: Intents, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._target: ModelSpec | None = None
        """Where the switch under way leads, once that is said."""
        self._leaving: ModelSpec | None = None
        """The model whose answers have to finish before that one is loaded."""

    def load(self, model_id: ModelId) -> None:
        """Load a model."""
        self._intents.run(f"load {model_id}", self._manager.models.load(model_id))

    def load_safer(self, model_id: ModelId) -> None:
        """Load a model that crashed with less to go wrong."""
        safer = self._manager.models.safer(model_id)
        if safer is not None:
            work = self._manager.models.load(model_id, safer.settings)
            self._intents.run(f"load {model_id}", work)

    def load_anyway(self, model_id: ModelId) -> None:
        """Load a model although it isn't predicted to fit."""
        work = self._manager.models.load(model_id, anyway=True)
        self._intents.run(f"load {model_id}", work)

    def cancel_load(self, model_id: ModelId) -> None:
        """End a load that is under way."""
        self._intents.run(f"cancel {model_id}", self._manager.models.cancel_load(model_id))

    def eject(self, model_id: ModelId) -> None:
        """Free a model once its answers are complete."""
        self._intents.run(f"eject {model_id}", self._manager.models.eject(model_id, drain=True))

    def pin(self, model_id: ModelId) -> None:
        """Keep a model loaded."""
        self._intents.run(f"pin {model_id}", self._manager.models.pin(model_id))

    def unpin(self, model_id: ModelId) -> None:
        """Let a model be unloaded when it is idle."""
        self._intents.run(f"pin {model_id}", self._manager.models.unpin(model_id))

    def plan_memory(self, model_id: ModelId) -> None:
        """Find out what a model would take, without loading it."""
        self._intents.run(f"plan {model_id}", self._manager.memory.run_dry(model_id))

    def test(self, model_id: ModelId) -> None:
        """Find out by asking whether a model can write JSON and call tools."""
        self._intents.run(f"test {model_id}", self._manager.trials.run(model_id))

    def dismiss(self, model_id: ModelId) -> None:
        """Forget a failure."""
        self._intents.run(f"dismiss {model_id}", self._manager.models.dismiss(model_id))

    def switch(self, model_id: ModelId) -> None:
        """Send new prompts to a model; while another switch is under way, say so instead."""
        if not self._intents.running(SWITCH):
            work = self._switch(model_id, partial(self._manager.models.switch, model_id))
            self._intents.run(SWITCH, work)
        elif self._target is not None:
            self.switching.emit(f"Still switching to {self._step(self._target)}")

    def roll_back(self, _model_id: ModelId) -> None:
        """Send new prompts to the model before the active one."""
        earlier = self._manager.models.earlier()
        if earlier and not self._intents.running(SWITCH):
            work = self._switch(earlier[0], self._manager.models.roll_back)
            self._intents.run(SWITCH, work)

    def cancel_restart(self, model_id: ModelId) -> None:
        """Leave a model that crashed as it is."""
        work = self._manager.models.cancel_restart(model_id)
        self._intents.run(f"cancel restart {model_id}", work)

    def cancel_switch(self) -> None:
        """Give up the switch under way; new prompts go where they went before it."""
        self._intents.cancel(SWITCH)

    def restore(self) -> None:
        """Load what was loaded last time."""
        self._intents.run("restore", self._manager.models.restore())

    def add_folder(self, choose: Callable[[], Awaitable[str | None]]) -> None:
        """Let the person choose a folder and scan it."""
        self._intents.run("add folder", self._add_chosen(choose))

    def add_file(self, choose: Callable[[], Awaitable[str | None]]) -> None:
        """Let the person choose a file and register it."""
        self._intents.run("add file", self._add_chosen(choose))

    def add(self, paths: Sequence[str]) -> None:
        """Add folders and model files, as they are dropped on the window."""
        # Two drops at once are two gestures; the same one twice is one.
        self._intents.run(f"add {', '.join(paths)}", self._add(paths))

    def remove_folder(self, path: str) -> None:
        """Take a folder out of the library; its files stay."""
        self._intents.run(f"remove {path}", self._remove_folder(path))

    def rescan(self) -> None:
        """Look at every folder again."""
        self._intents.run("rescan", self._manager.library.rescan())

    def cancel_scan(self) -> None:
        """End the scan; what it found stays."""
        self._intents.run("cancel scan", self._manager.library.cancel_scan())

    def rescan_unwatched(self) -> None:
        """Look at the folders again whose changes nobody tells of."""
        self._intents.run("rescan unwatched", self._manager.library.rescan_unwatched())

    def mark(self, model_id: ModelId, *, favourite: bool) -> None:
        """Put a star to a model, or take it away."""
        work = self._manager.annotations.set_favourite(model_id, favourite=favourite)
        self._intents.run(f"mark {model_id}", work)

    def delete(self, model_id: ModelId) -> None:
        """Move a model's files to the trash; it can be called back for a while."""
        self._intents.run(f"delete {model_id}", self._manager.deletions.delete(model_id))

    def undo_delete(self, model_id: ModelId) -> None:
        """Call a model back that was deleted."""
        self._intents.run(f"undo delete {model_id}", self._manager.deletions.undo(model_id))

    def save_search(self, choose: Callable[[], Awaitable[str | None]], line: str) -> None:
        """Keep a query line under the name that the person chooses."""
        self._intents.run("save search", self._save_search(choose, line))

    def forget_search(self, name: str) -> None:
        """Remove a saved search."""
        self._intents.run(f"forget search {name}", self._manager.searches.forget(name))

    async def _save_search(self, choose: Callable[[], Awaitable[str | None]], line: str) -> None:
        name = await choose()
        if name is not None:
            await self._manager.searches.save(name, line)

    async def _switch(self, model_id: ModelId, make: Callable[[], Awaitable[object]]) -> None:
        """Say what the switch will do, and make it."""
        try:
            await self._announce(model_id)
            await make()
        finally:
            self._target = self._leaving = None
            self.switching.emit("")
        self.switched.emit(model_id)

    async def _announce(self, model_id: ModelId) -> None:
        models = self._manager.models
        await self._manager.memory.weigh(model_id)
        plan, target = models.plan_switch(model_id), models.get(model_id)
        self._target = target
        if plan.method is SwitchMethod.DRAIN_FIRST and plan.leaving is not None:
            self._leaving = leaving = models.get(plan.leaving)
            self.switching.emit(
                f"Switching to {target.name}: both don't fit into memory, so {leaving.name} "
                "finishes its answers and is ejected first."
            )

    def _waits(self) -> bool:
        """Whether answers have to finish first."""
        view = self._manager.models.instance(self._leaving.id) if self._leaving else None
        return view is not None and bool(view.leases)

    def _step(self, target: ModelSpec) -> str:
        if self._leaving is not None and self._waits():
            return f"{target.name}: waiting for {self._leaving.name}'s answers to finish."
        return f"{target.name}: it is loading."

    async def _add_chosen(self, choose: Callable[[], Awaitable[str | None]]) -> None:
        path = await choose()
        if path is not None:
            await self._add((path,))

    async def _add(self, paths: Sequence[str]) -> None:
        additions = []
        for path in paths:
            try:
                additions.append(await self._add_one(path))
            except AppError as error:
                if len(paths) == 1:
                    raise
                log.info("%s can't be added: %s", path, error)
                report = report_of(error)
                additions.append(Addition(path, Outcome.REFUSED, error=report))
        self.added.emit(tuple(additions))

    async def _add_one(self, path: str) -> Addition:
        library = self._manager.library
        if await in_daemon_thread(Path(path).is_dir):
            new = await library.add_folder(path)
            return Addition(path, Outcome.FOLDER_ADDED if new else Outcome.FOLDER_KNOWN)
        if Path(path).suffix.casefold() == ".gguf":
            model_id, new = await library.add_file(path)
            return Addition(path, Outcome.MODEL_ADDED if new else Outcome.MODEL_KNOWN, model_id)
        raise InvalidFile(
            f"{Path(path).name} is neither a folder nor a GGUF file.",
            "Choose a folder or a file that ends in .gguf.",
        )

    async def _remove_folder(self, path: str) -> None:
        await self._manager.library.remove_folder(path)
        self.folder_removed.emit(path)
