"""What the window tells in passing: switches, folders that went, crashes, notices."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePath

from PySide6.QtCore import QObject, QTimer

from app.domain.error_reports import ErrorReport
from app.domain.events import (
    AccountRemoved,
    BudgetMoved,
    CopiesDeleted,
    InstanceChanged,
    KeyRemoved,
    ModelDeleted,
    ModelEvicted,
    NoticeRaised,
)
from app.domain.instances import ENDED, InstanceState
from app.domain.models import ModelId, ModelStatus
from app.domain.spending import BudgetLevel
from app.manager.manager import Manager
from app.ui import words
from app.ui.bridge import Bridge
from app.ui.viewmodels import account_words
from app.ui.viewmodels.accounts import AccountList
from app.ui.viewmodels.additions import Addition, refusals, said
from app.ui.viewmodels.converting import Ended
from app.ui.viewmodels.gestures import Gestures
from app.ui.viewmodels.ways_out import of_restart
from app.ui.widgets.toast import Toast, Toaster


class Messages(QObject):
    """Turns what happened into toasts, each once, and takes back those that are answered."""

    def __init__(  # noqa: PLR0913 - what it hears and what it must not repeat, each named
        self,
        manager: Manager,
        bridge: Bridge,
        gestures: Gestures,
        accounts: AccountList,
        toaster: Toaster,
        *,
        is_told: Callable[[ModelId], bool],
        is_shown: Callable[[ErrorReport], bool],
        show_loaded: Callable[[], None],
        show_spending: Callable[[], None],
    ) -> None:
        """Listen.

        Args:
            manager: names the models.
            bridge: where crashes and notices come from.
            gestures: where switches and removed folders come from.
            accounts: calls back what was removed of them.
            toaster: shows the messages.
            is_told: whether the page that shows has its own word on a model's crash.
            is_shown: whether it shows this very error.
            show_loaded: shows the page that says more about a crash.
            show_spending: shows what models cost.
        """
        super().__init__(toaster)
        self._manager = manager
        self._gestures = gestures
        self._accounts = accounts
        self._toaster = toaster
        self._is_told = is_told
        self._is_shown = is_shown
        self._show_loaded = show_loaded
        self._show_spending = show_spending
        self._crashes_told: set[int] = set()
        self._crashes: list[Toast] = []
        gestures.switched.connect(self._say_switched)
        gestures.switching.connect(self._say_switching)
        gestures.folder_removed.connect(self._say_removed)
        gestures.added.connect(self._say_added)
        bridge.on(InstanceChanged, self._say_crashed)
        bridge.on(NoticeRaised, self._say_notices)
        bridge.on(ModelDeleted, self._say_deleted)
        bridge.on(CopiesDeleted, self._say_deleted)
        bridge.on(AccountRemoved, self._say_removed_accounts)
        bridge.on(KeyRemoved, self._say_removed_keys)
        bridge.on(ModelEvicted, self._say_evicted)
        bridge.on(BudgetMoved, self._say_budget)

    def crashes_seen(self) -> None:
        """Take back what was told of crashes: the page that says more is shown."""
        crashes, self._crashes = self._crashes, []
        for toast in crashes:
            toast.dismiss()

    def fail(self, report: ErrorReport) -> None:
        """Tell of an error, unless the page that shows has it in its place."""
        if not self._is_shown(report):
            self._toaster.fail(report)

    def say_embeds(self, model_id: ModelId) -> None:
        """Tell why a model can't be talked to."""
        name = self._manager.models.get(model_id).name
        self._toaster.say(f"{name} makes embeddings; it writes no answers.")

    def say_exported(self, path: str) -> None:
        """Tell that the library was written to a file."""
        name = PurePath(path).name
        self._toaster.say(f"The library and the settings are in {name}; no keys.", role="ok")

    def say_converted(self, ended: Ended, show: Callable[[], object]) -> None:
        """Tell that a model was converted, and lead to the new one."""
        name = self._manager.models.get(ended.model_id).name
        text = f"{name} is converted to {ended.quantisation}."
        self._toaster.say(text, role="ok", action="Show", act=show)

    def _say_switched(self, model_id: ModelId) -> None:
        name = self._manager.models.get(model_id).name
        latest = next(iter(self._manager.models.alias_history()), None)
        gap = latest.gap_seconds if latest is not None else 0.0
        waited = f"; they waited {words.duration(gap)} for it" if gap else ""
        self._toaster.say(f"New prompts go to {name}{waited}.", role="ok")

    def _say_switching(self, step: str) -> None:
        """Tell what a switch waits for until there is something else to tell, or it is over."""
        if step:
            toast = self._toaster.say(step, action="Cancel", act=self._gestures.cancel_switch)
            toast.stay()
            self._gestures.switching.connect(toast.dismiss)

    def _say_removed(self, path: str) -> None:
        self._toaster.say(
            f"{PurePath(path).name} is out of the library; its files stay.",
            action="Undo",
            act=lambda: self._gestures.add((path,)),
        )

    def _say_added(self, additions: tuple[Addition, ...]) -> None:
        """Say what became of files and folders; a model alone can be loaded from there."""
        refused = refusals(additions)
        action, act = "", None
        loadable = additions[0].model_id if len(additions) == 1 else None
        if loadable is not None and self._can_be_loaded(loadable):
            action, act = "Load", partial(self._gestures.load, loadable)
        role = "warn" if refused else "ok"
        self._toaster.say(said(additions), role=role, detail=refused, action=action, act=act)

    def _can_be_loaded(self, model_id: ModelId) -> bool:
        view = self._manager.models.instance(model_id)
        available = self._manager.models.get(model_id).status is ModelStatus.AVAILABLE
        return available and (view is None or view.state in ENDED)

    def _say_deleted(self, events: Sequence[ModelDeleted | CopiesDeleted]) -> None:
        """Offer to call files back for as long as that can be done."""
        for event in events:
            copies = event.count if isinstance(event, CopiesDeleted) else 0
            undo = partial(self._gestures.undo_delete, event.model_id)
            self._offer_undo(words.leaving(event.name, copies), event.undo_until, undo)

    def _say_removed_accounts(self, events: list[AccountRemoved]) -> None:
        for event in events:
            undo = partial(self._accounts.undo_remove, event.account_id)
            self._offer_undo(f"{event.name} was removed.", event.undo_until, undo)

    def _say_removed_keys(self, events: list[KeyRemoved]) -> None:
        for event in events:
            undo = partial(self._accounts.undo_remove_key, event.account_id)
            self._offer_undo(f"The key of {event.name} was removed.", event.undo_until, undo)

    def _offer_undo(self, text: str, until: float, undo: Callable[[], object]) -> None:
        toast = self._toaster.say(text, action="Undo", act=undo)
        toast.stay()
        left = max(0.0, until - time.time())
        QTimer.singleShot(int(left * 1000), toast, toast.dismiss)

    def _say_crashed(self, events: list[InstanceChanged]) -> None:
        """Tell each crash once, unless the page that shows has its own word on it."""
        for event in events:
            error = event.instance.error
            if event.instance.state is not InstanceState.CRASHED or error is None:
                continue
            if event.instance.generation in self._crashes_told:
                continue
            self._crashes_told.add(event.instance.generation)
            if not self._is_told(event.instance.model_id):
                if self._manager.models.restarts_at(event.instance.model_id) is not None:
                    error = of_restart(error)
                toast = self._toaster.say(
                    f"{error.what} {error.remedy}",
                    role="error",
                    detail=error.detail,
                    action="Show",
                    act=self._show_loaded,
                )
                self._crashes.append(toast)
                toast.closed.connect(self._forget_crash)

    def _forget_crash(self, toast: Toast) -> None:
        if toast in self._crashes:
            self._crashes.remove(toast)

    def _say_notices(self, events: list[NoticeRaised]) -> None:
        for event in events:
            self.fail(event.report)

    def _say_evicted(self, events: list[ModelEvicted]) -> None:
        for event in events:
            name = self._manager.models.get(event.model_id).name
            self._toaster.say(f"{name} was unloaded: {event.reason}.")

    def _say_budget(self, events: list[BudgetMoved]) -> None:
        state = events[-1].state
        role = "warn" if state.level is BudgetLevel.SPENT else "info"
        text = account_words.budget(state)
        self._toaster.say(text, role=role, action="Show", act=self._show_spending)
