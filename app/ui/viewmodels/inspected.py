"""What the inspector looks up of the model that it shows, when the tab that tells it is shown."""

from collections.abc import Callable
from enum import StrEnum

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.annotations import Annotation
from app.domain.events import AnnotationChanged
from app.domain.generation import ChatMessage, Role
from app.domain.inspection import KeyPage, KeyValue, TensorLine, TensorPage, ValuePage
from app.domain.models import Capability, ModelId, ModelSpec
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels.capability_lines import CapabilityLine, capability_lines
from app.ui.viewmodels.digest import Digest
from app.ui.viewmodels.lookup import Lookup
from app.ui.viewmodels.paged_table import KEY_COLUMNS, TENSOR_COLUMNS, PagedTable

SETTLE_MS = 120
"""A model that is passed by quicker than this is not looked into."""
DETECTING_MS = 500
SYSTEM = ChatMessage(role=Role.SYSTEM, text="You are a helpful assistant.")
CONVERSATION = (
    ChatMessage(role=Role.USER, text="What is the capital of Iceland?"),
    ChatMessage(role=Role.ASSISTANT, text="Reykjavik."),
    ChatMessage(role=Role.USER, text="How many people live there?"),
)


class Tab(StrEnum):
    """The inspector's tabs in their order."""

    OVERVIEW = "overview"
    CAPABILITIES = "capabilities"
    FIT = "fit"
    PERFORMANCE = "performance"
    METADATA = "metadata"
    TENSORS = "tensors"
    TEMPLATE = "template"


class Inspected(QObject):
    """Asks for what the shown tab needs, once a model; another model ends what is under way."""

    capabilities_changed = Signal()

    def __init__(
        self,
        manager: Manager,
        bridge: Bridge,
        intents: Intents,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._spec: ModelSpec | None = None
        self._tab = Tab.OVERVIEW
        self._asked: set[Tab] = set()
        self._words = 0
        """How often the user has had a word on a capability."""
        self.keys = Lookup[KeyPage](intents, "read keys", self)
        self.key_table = PagedTable[KeyValue](KEY_COLUMNS, self)
        self.key: KeyValue | None = None
        """The key whose value is shown."""
        self.values = Lookup[ValuePage](intents, "read values", self)
        self.items: tuple[str, ...] = ()
        """The items of that key that were read so far."""
        self.tensors = Lookup[TensorPage](intents, "read tensors", self)
        self.tensor_table = PagedTable[TensorLine](TENSOR_COLUMNS, self)
        self.template = Lookup[str](intents, "read template", self)
        self.preview = Lookup[str](intents, "render template", self)
        self.with_system = False
        """Whether the conversation of the preview has a system prompt."""
        self.digest = Digest(manager, intents, self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look_up)
        self._detecting = QTimer(self)
        self._detecting.setInterval(DETECTING_MS)
        self._detecting.timeout.connect(self._detected)
        self._readers: dict[Tab, Callable[[ModelId], None]] = {
            Tab.METADATA: self._read_keys,
            Tab.TENSORS: self._read_tensors,
            Tab.TEMPLATE: self._read_template,
        }
        self.key_table.wanted.connect(lambda: self._more(Tab.METADATA, self.keys.waiting))
        self.tensor_table.wanted.connect(lambda: self._more(Tab.TENSORS, self.tensors.waiting))
        self.keys.changed.connect(self._take_keys)
        self.tensors.changed.connect(self._take_tensors)
        self.values.changed.connect(self._take_values)
        self.template.changed.connect(self._take_template)
        intents.busy_changed.connect(self._busy)
        bridge.on(AnnotationChanged, self._annotated)

    def show(self, spec: ModelSpec | None, tab: Tab) -> None:
        """Be about a model and a tab; what the tab needs is read once both stay for a moment."""
        if _file(spec) != _file(self._spec):
            self._spec = spec
            self._forget()
        self._spec, self._tab = spec, tab
        if spec is not None and tab in self._readers and tab not in self._asked:
            self._settle.start()
        self._watch_detection()

    def retry(self) -> None:
        """Read what the shown tab needs again."""
        self._asked.discard(self._tab)
        self._look_up()

    def choose_key(self, row: int) -> None:
        """Show the value of the key in a row of the table."""
        key = self.key_table.row_at(row)
        if key is not None and key != self.key:
            self.key, self.items = key, ()
            self.values.clear()
            self.more_values()

    def more_values(self) -> None:
        """Read the next items of the chosen key."""
        if self.key is not None and self._spec is not None and not self.values.waiting:
            model, key, start = self._spec.id, self.key.key, len(self.items)
            self.values.start(lambda: self._manager.inspection.values(model, key, start))

    def set_system(self, on: bool) -> None:
        """Render the preview with a system prompt, or without."""
        self.with_system = on
        self._render()

    def capabilities(self) -> tuple[CapabilityLine, ...]:
        """What is known of each capability."""
        if self._spec is None:
            return ()
        return capability_lines(self._spec, self.annotation(), detecting=self.detecting)

    def annotation(self) -> Annotation:
        """What is noted of the model."""
        return self._manager.annotations.get(self._spec.id if self._spec else ModelId(""))

    @property
    def detecting(self) -> bool:
        """Whether the model's chat template still has to be tried out."""
        return self._spec is not None and self._manager.capabilities.waits(self._spec.id)

    @property
    def testing(self) -> bool:
        """Whether the model is being tested."""
        return self._spec is not None and self._intents.running(f"test {self._spec.id}")

    def cancel_test(self) -> None:
        """End the test of the model; what it has shown so far isn't kept."""
        if self._spec is not None:
            self._intents.cancel(f"test {self._spec.id}")

    def override(self, capability: Capability, value: bool | None) -> None:
        """Take the user's word on a capability; None takes it back."""
        if self._spec is not None:
            work = self._manager.annotations.override(self._spec.id, capability, value)
            # Each has its turn: the last word on a capability is the one that holds.
            self._words += 1
            self._intents.run(f"override {self._words}", work)

    def _forget(self) -> None:
        self._asked.clear()
        self._settle.stop()
        self.key, self.items = None, ()
        for lookup in (self.keys, self.values, self.tensors, self.template, self.preview):
            lookup.clear()
        self.key_table.clear()
        self.tensor_table.clear()
        self.digest.show(self._spec)

    def _look_up(self) -> None:
        if self._spec is not None and self._tab in self._readers:
            self._asked.add(self._tab)
            self._readers[self._tab](self._spec.id)

    def _more(self, tab: Tab, waiting: bool) -> None:
        if self._spec is not None and not waiting:
            self._readers[tab](self._spec.id)

    def _read_keys(self, model: ModelId) -> None:
        start = self.key_table.rowCount()
        self.keys.start(lambda: self._manager.inspection.keys(model, start))

    def _read_tensors(self, model: ModelId) -> None:
        start = self.tensor_table.rowCount()
        self.tensors.start(lambda: self._manager.inspection.tensors(model, start))

    def _read_template(self, model: ModelId) -> None:
        self.template.start(lambda: self._manager.inspection.chat_template(model))

    def _take_keys(self) -> None:
        page = self.keys.answer
        if page is not None and not self.keys.waiting and self.keys.failure is None:
            self.key_table.append(page.keys, page.total)

    def _take_tensors(self) -> None:
        page = self.tensors.answer
        if page is not None and not self.tensors.waiting and self.tensors.failure is None:
            self.tensor_table.append(page.tensors, page.total)

    def _take_values(self) -> None:
        page = self.values.answer
        if page is not None and not self.values.waiting and self.values.failure is None:
            self.items = (*self.items, *page.values)

    def _take_template(self) -> None:
        if self.template.answer and not self.template.waiting:
            self._render()

    def _render(self) -> None:
        if self._spec is None or not self.template.answer:
            return
        model = self._spec.id
        messages = (SYSTEM, *CONVERSATION) if self.with_system else CONVERSATION
        self.preview.start(lambda: self._manager.inspection.preview(model, messages))

    def _watch_detection(self) -> None:
        if self._tab is Tab.CAPABILITIES and self.detecting:
            self._detecting.start()
        else:
            self._detecting.stop()

    def _detected(self) -> None:
        if not self.detecting:
            self._detecting.stop()
            self.capabilities_changed.emit()

    def _busy(self, name: str, _busy: bool) -> None:
        if self._spec is not None and name == f"test {self._spec.id}":
            self.capabilities_changed.emit()

    def _annotated(self, events: list[AnnotationChanged]) -> None:
        if self._spec is not None and any(e.model_id == self._spec.id for e in events):
            self.capabilities_changed.emit()


def _file(spec: ModelSpec | None) -> tuple[object, ...]:
    """What has to be looked into anew when it changes."""
    return () if spec is None else (spec.id, spec.path, spec.modified_ns, spec.status)
