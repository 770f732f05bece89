"""The command palette: every action and every model by a few letters of its name."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from PySide6.QtGui import QKeySequence

from app.domain.errors import UnknownModel
from app.domain.instances import InstanceState
from app.domain.models import ModelId, ModelQuery, ModelSpec, ModelStatus
from app.manager.manager import Manager
from app.ui import words
from app.ui.actions import ACTIONS, ActionInfo, Context
from app.ui.viewmodels.unavailable import OF_MODELS, why

MOST_MODELS = 50
MOST_RECENT = 8
ITSELF = "palette"
EXACTLY, BEGINS, WORDS_BEGIN, IN_NAME, IN_MORE, IN_ORDER = range(6)
"""How an entry fits what is typed, the best first."""


@dataclass(frozen=True)
class Entry:
    """One line of the palette."""

    action: str
    """The action to carry out."""
    text: str
    model_id: ModelId | None = None
    """The model that it is; None for an action."""
    detail: str = ""
    """What is told of it beside its name."""
    state: str = ""
    """How the model is, or why the entry can't be chosen."""
    instance: InstanceState | None = None
    shortcut: str = ""
    icon: str = ""
    enabled: bool = True

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return self.model_id or f"action {self.action}"

    @property
    def spoken(self) -> str:
        """All of it, for who can't see it."""
        kind = "model" if self.model_id else ""
        off = "" if self.enabled else "unavailable"
        said = (self.text, kind, self.detail, off, self.state, self.shortcut)
        return ", ".join(filter(None, said))


class Palette:
    """Finds entries, and remembers which were chosen."""

    def __init__(
        self, manager: Manager, context: Callable[[], Context], recent: Sequence[str] = ()
    ) -> None:
        """Ask nothing yet.

        Args:
            manager: knows the models.
            context: what actions depend on now.
            recent: the keys of entries that were chosen, the latest first.
        """
        self._manager = manager
        self._context = context
        self.recent: tuple[str, ...] = tuple(recent)

    def remember(self, entry: Entry) -> None:
        """An entry was chosen."""
        others = (key for key in self.recent if key != entry.key)
        self.recent = (entry.key, *others)[:MOST_RECENT]

    def find(self, text: str) -> list[Entry]:
        """What a few words mean, the best first; what was chosen lately comes before its equals."""
        sought, context = text.casefold().split(), self._context()
        actions = [_of_action(info, context) for info in ACTIONS.values() if info.id != ITSELF]
        found = self._found(text)
        ranked = []
        for order, entry in enumerate((*map(self._of_model, self._near(found)), *actions)):
            rank = _rank(entry, sought)
            if rank is None and entry.model_id in found:
                # By its path, or by what its columns say.
                rank = IN_MORE
            if rank is not None:
                place = rank if sought else self._place(entry)
                ranked.append(((place, not entry.enabled, self._age(entry), order), entry))
        return [entry for _, entry in sorted(ranked, key=itemgetter(0))]

    def _place(self, entry: Entry) -> int:
        """Without words: what was chosen lately, what is loaded, then the rest as in the menus."""
        if self._age(entry) < MOST_RECENT:
            return 0
        return 1 if entry.instance is not None else 2

    def _age(self, entry: Entry) -> int:
        return self.recent.index(entry.key) if entry.key in self.recent else MOST_RECENT

    def _found(self, text: str) -> dict[ModelId, None]:
        """The first models that the index finds, by name; none without words."""
        if not text.strip():
            return {}
        page = self._manager.models.query(ModelQuery(words=text, limit=MOST_MODELS))
        return dict.fromkeys(page.ids)

    def _near(self, found: Iterable[ModelId]) -> Iterator[ModelSpec]:
        """Those that are found, and those that are near at hand: lately chosen, or loaded."""
        models = self._manager.models
        views = (view.model_id for view in models.instances())
        for model_id in dict.fromkeys((*found, *map(ModelId, self.recent), *views)):
            with contextlib.suppress(UnknownModel):
                yield models.get(model_id)

    def _of_model(self, spec: ModelSpec) -> Entry:
        view = self._manager.models.instance(spec.id)
        usable = spec.status is ModelStatus.AVAILABLE
        active = self._manager.models.active() == spec.id
        state = words.state(view) if view is not None else ""
        size = words.size(spec.size_bytes) if spec.size_bytes else ""
        return Entry(
            action="open",
            text=spec.name,
            model_id=spec.id,
            detail=" · ".join(filter(None, (spec.provider, spec.quantisation, size))),
            state=", ".join(filter(None, ("active" if active else "", state)))
            if usable
            else words.STATUS_WORDS[spec.status],
            instance=view.state if view is not None else None,
            icon="library",
            enabled=usable,
        )


def _of_action(info: ActionInfo, context: Context) -> Entry:
    enabled = info.enabled(context)
    model = context.model.name if context.model is not None and info.id in OF_MODELS else ""
    keys = QKeySequence(info.shortcut[0]) if info.shortcut else QKeySequence()
    return Entry(
        action=info.id,
        text=info.text,
        detail=model,
        state="" if enabled else why(info.id, context),
        shortcut=keys.toString(QKeySequence.SequenceFormat.NativeText),
        icon=info.icon,
        enabled=enabled,
    )


def _rank(entry: Entry, sought: Sequence[str]) -> int | None:
    """How an entry fits; None where it doesn't."""
    name = entry.text.casefold()
    typed = " ".join(sought)
    if name.startswith(typed):
        return EXACTLY if name == typed else BEGINS
    begun = name.replace("-", " ").replace("_", " ").split()
    if all(any(word.startswith(part) for word in begun) for part in sought):
        return WORDS_BEGIN
    if all(part in name for part in sought):
        return IN_NAME
    return None if entry.model_id is not None else _rank_by_more(entry, name, sought)


def _rank_by_more(entry: Entry, name: str, sought: Sequence[str]) -> int | None:
    """How an action fits by what its tooltip says, or by some of its letters."""
    more = f"{name} {ACTIONS[entry.action].tooltip}".casefold()
    if all(part in more for part in sought):
        return IN_MORE
    return IN_ORDER if _in_order("".join(sought), name) else None


def _in_order(letters: str, name: str) -> bool:
    """Whether a name has these letters one after another, with others between them."""
    rest = iter(name)
    return all(letter in rest for letter in letters)
