"""Fakes at the ports: stores in memory, a provider that loads and answers on order."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from app.domain.annotations import Annotation
from app.domain.chat_templates import ChatTemplate, TemplateSource, ThinkingSwitch
from app.domain.conversations import Conversation, Message
from app.domain.errors import AppError, FolderError, MissingFile, WorkerCrashed
from app.domain.generation import (
    ChatMessage,
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationUpdate,
    TextPiece,
    measure,
)
from app.domain.load_settings import LoadSettings
from app.domain.memory import MemoryView
from app.domain.memory_plans import (
    MeasuredUse,
    MemoryLine,
    MemoryPart,
    MemoryPlan,
    PlanSource,
    predict,
)
from app.domain.model_columns import ModelColumns, columns_of
from app.domain.models import (
    Alias,
    Capability,
    CapabilityFact,
    Folder,
    ModelId,
    ModelSpec,
    ScannedFile,
)
from app.domain.profiles import ModelMetrics, ProfileRun
from app.domain.support import BundlePart
from app.domain.switching import AliasChange
from app.library.inspection import FileInspection
from app.manager.account_book import AccountPorts
from app.manager.manager import Manager
from app.manager.spending import SpendingPorts
from app.ports.engines import NOTHING_TOLD

GIGABYTE = 1_000_000_000


def spec(name: str, **changes: Any) -> ModelSpec:
    """A chat model of one gigabyte under /models."""
    fields: dict[str, Any] = {
        "id": ModelId(f"local:{name}"),
        "provider": "local",
        "name": name,
        "path": f"/models/{name}.gguf",
        "size_bytes": GIGABYTE,
        "architecture": "llama",
        "parameters": 1_000_000_000,
        "quantisation": "Q4_K_M",
        "context_length": 4096,
        "capabilities": (
            CapabilityFact(capability=Capability.CHAT, value=True, source="chat template"),
        ),
    }
    return ModelSpec(**{**fields, **changes})


class MemoryStore:
    """Every store port at once, in memory."""

    def __init__(self) -> None:
        self.kept_models: dict[ModelId, ModelSpec] = {}
        self.kept_folders: dict[str, Folder] = {}
        self.kept_aliases: dict[str, ModelId] = {}
        self.kept_changes: list[AliasChange] = []
        self.kept_metrics: dict[ModelId, ModelMetrics] = {}
        self.kept_counters: dict[str, int] = {}
        self.kept_load_settings: dict[ModelId, LoadSettings] = {}
        self.kept_uses: dict[ModelId, tuple[MeasuredUse, ...]] = {}
        self.kept_session: tuple[ModelId, ...] = ()
        self.kept_conversations: dict[str, Conversation] = {}
        self.kept_messages: dict[str, Message] = {}
        self.kept_runs: dict[str, ProfileRun] = {}
        self.kept_settings: dict[str, str] = {}
        self.log: list[str] = []
        self.kept_pins: set[ModelId] = set()
        self.kept_files: dict[str, ScannedFile] = {}
        self.kept_annotations: dict[ModelId, Annotation] = {}
        self.kept_searches: dict[str, str] = {}

    async def models(self) -> ModelColumns:
        return columns_of(self.kept_models.values())

    async def save_models(self, specs: Sequence[ModelSpec]) -> None:
        self.kept_models.update((item.id, item) for item in specs)

    async def forget_models(self, ids: Sequence[ModelId]) -> None:
        for model_id in ids:
            self.kept_models.pop(model_id, None)

    async def folders(self) -> tuple[Folder, ...]:
        return tuple(self.kept_folders.values())

    async def save_folder(self, folder: Folder) -> None:
        self.kept_folders.setdefault(folder.path, folder)

    async def forget_folder(self, path: str) -> None:
        self.kept_folders.pop(path, None)

    async def aliases(self) -> tuple[Alias, ...]:
        return tuple(Alias(name=n, model_id=m) for n, m in self.kept_aliases.items())

    async def change_alias(self, change: AliasChange) -> None:
        self.kept_changes.insert(0, change)
        if change.model_id is None:
            self.kept_aliases.pop(change.name, None)
        else:
            self.kept_aliases[change.name] = change.model_id

    async def alias_history(self) -> tuple[AliasChange, ...]:
        return tuple(self.kept_changes)

    async def metrics(self) -> tuple[ModelMetrics, ...]:
        return tuple(self.kept_metrics.values())

    async def save_metrics(self, item: ModelMetrics) -> None:
        self.kept_metrics[item.model_id] = item

    async def counters(self) -> dict[str, int]:
        return dict(self.kept_counters)

    async def save_counters(self, counters: Mapping[str, int]) -> None:
        self.kept_counters |= counters

    async def load_settings(self) -> dict[ModelId, LoadSettings]:
        return dict(self.kept_load_settings)

    async def save_load_settings(self, model_id: ModelId, settings: LoadSettings) -> None:
        self.kept_load_settings[model_id] = settings

    async def measured_uses(self) -> dict[ModelId, tuple[MeasuredUse, ...]]:
        return dict(self.kept_uses)

    async def save_measured_use(self, model_id: ModelId, use: MeasuredUse) -> None:
        others = self.kept_uses.get(model_id, ())
        kept = (item for item in others if item.footprint != use.footprint)
        self.kept_uses[model_id] = (*kept, use)

    async def session(self) -> tuple[ModelId, ...]:
        return self.kept_session

    async def save_session(self, loaded: Sequence[ModelId]) -> None:
        self.kept_session = tuple(loaded)

    async def pins(self) -> frozenset[ModelId]:
        return frozenset(self.kept_pins)

    async def save_pin(self, model_id: ModelId) -> None:
        self.kept_pins.add(model_id)

    async def forget_pin(self, model_id: ModelId) -> None:
        self.kept_pins.discard(model_id)

    async def scanned(self, below: str) -> tuple[ScannedFile, ...]:
        return tuple(f for f in self.kept_files.values() if f.path.startswith(f"{below}/"))

    async def files_of(self, models: Sequence[ModelId]) -> tuple[ScannedFile, ...]:
        return tuple(file for file in self.kept_files.values() if file.model_id in models)

    async def shared(self) -> tuple[ScannedFile, ...]:
        counts = Counter(file.model_id for file in self.kept_files.values())
        shared = (f for f in self.kept_files.values() if f.model_id and counts[f.model_id] > 1)
        return tuple(sorted(shared, key=lambda file: (file.model_id or "", file.path)))

    async def save_scanned(self, files: Sequence[ScannedFile]) -> None:
        self.kept_files |= {file.path: file for file in files}

    async def forget_scanned(self, paths: Sequence[str]) -> None:
        for path in paths:
            self.kept_files.pop(path, None)

    async def annotations(self) -> tuple[Annotation, ...]:
        return tuple(self.kept_annotations.values())

    async def save_annotations(self, annotations: Sequence[Annotation]) -> None:
        for item in annotations:
            self.kept_annotations[item.model_id] = item
            if item.empty:
                del self.kept_annotations[item.model_id]

    async def searches(self) -> dict[str, str]:
        return dict(self.kept_searches)

    async def save_search(self, name: str, query: str) -> None:
        self.kept_searches[name] = query

    async def forget_search(self, name: str) -> None:
        self.kept_searches.pop(name, None)

    async def conversations(self) -> tuple[Conversation, ...]:
        return tuple(self.kept_conversations.values())

    async def messages(self, conversation: str) -> tuple[Message, ...]:
        return tuple(m for m in self.kept_messages.values() if m.conversation_id == conversation)

    async def save_conversation(self, conversation: Conversation) -> None:
        self.kept_conversations[conversation.id] = conversation

    async def save_messages(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.log.append(f"{message.role} {message.state}")
            self.kept_messages[message.id] = message

    async def forget_messages(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.kept_messages.pop(message.id, None)

    async def forget_conversation(self, conversation: str) -> None:
        self.kept_conversations.pop(conversation, None)
        for message in await self.messages(conversation):
            del self.kept_messages[message.id]

    async def runs(self) -> tuple[ProfileRun, ...]:
        return tuple(self.kept_runs.values())

    async def save_run(self, run: ProfileRun) -> None:
        self.kept_runs[run.id] = run

    async def forget_run(self, run: ProfileRun) -> None:
        self.kept_runs.pop(run.id, None)

    async def settings(self) -> dict[str, str]:
        return dict(self.kept_settings)

    async def save_setting(self, key: str, value: str) -> None:
        self.kept_settings[key] = value

    async def forget_setting(self, key: str) -> None:
        self.kept_settings.pop(key, None)


class FakeEngine:
    """Answers with its model's name, a word a turn of the loop, or as told by `words`."""

    def __init__(self, model: ModelSpec, words: int, settings: LoadSettings) -> None:
        self.model = model
        self.words = words
        self.context_length = settings.context_length or 4096
        self.threads = settings.threads or 2
        self.closed = False
        self.stopped = 0
        """How many answers were left early."""
        self.requests: list[GenerationRequest] = []
        self.go = asyncio.Event()
        """Cleared by a test that wants to hold an answer in the middle."""
        self.go.set()
        self.refuse: AppError | None = None
        self.template = ChatTemplate(source=TemplateSource.FILE)
        self.thinking: ThinkingSwitch | None = None
        self.thoughts = 0
        """How many of the words are reasoning."""
        self._ended: asyncio.Future[AppError | None] = asyncio.get_running_loop().create_future()

    def memory(self) -> int | None:
        return 700_000_000

    async def find_thinking(self) -> ThinkingSwitch | None:
        return self.thinking

    def crash(self) -> None:
        if not self._ended.done():
            self._ended.set_result(
                WorkerCrashed(f"{self.model.name} was ended by SIGKILL.", "Try it again.", "log")
            )
        self.go.set()

    async def probe(self) -> None:
        if self.refuse is not None:
            raise self.refuse

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
        submitted, stamps = monotonic_ns(), []
        self.requests.append(request)
        complete = False
        try:
            for number in range(min(self.words, request.max_tokens)):
                await asyncio.sleep(0)
                if number:
                    await self.go.wait()
                if self._ended.done() and (cause := self._ended.result()) is not None:
                    raise cause
                stamps.append(monotonic_ns())
                word = f"{self.model.name}{number} "
                if number < self.thoughts:
                    yield TextPiece(text="", reasoning=word, stamps_ns=(stamps[-1],))
                else:
                    yield TextPiece(text=word, stamps_ns=(stamps[-1],))
            complete = True
        finally:
            self.stopped += not complete
        stats = measure(submitted, tuple(stamps), finish=FinishReason.END, prompt_tokens=3)
        yield GenerationEnd(stats=stats)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[float(len(text))] for text in texts]

    async def tokenise(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    async def detokenise(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    async def wait_ended(self) -> AppError | None:
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True
        if not self._ended.done():
            self._ended.set_result(None)


class FakeProvider:
    """Loads at once, unless a test holds it (`hold`) or lets it fail (`failures`)."""

    def __init__(self, words: int = 20) -> None:
        self.words = words
        self.offloads: bool | None = None
        self.loads: list[ModelId] = []
        self.settings: list[LoadSettings] = []
        self.cancelled: list[ModelId] = []
        self.dry_runs: list[ModelId] = []
        self.weighed = asyncio.Event()
        """Cleared by a test that wants to hold a dry run."""
        self.weighed.set()
        self.sizes: dict[ModelId, int | AppError] = {}
        """What a dry run says of a model; the formula's figure where nothing is set."""
        self.engines: dict[ModelId, FakeEngine] = {}
        self.failures: dict[ModelId, AppError] = {}
        self.probe_failures: dict[ModelId, AppError] = {}
        self.templates: dict[ModelId, ChatTemplate] = {}
        self.switches: dict[ModelId, ThinkingSwitch] = {}
        self.go = asyncio.Event()
        self.go.set()
        self.reaped = asyncio.Event()
        """Cleared by a test that wants to hold a cancelled load before its process is gone."""
        self.reaped.set()

    def warm(self) -> None:
        pass

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> FakeEngine:
        self.loads.append(spec.id)
        self.settings.append(settings)
        on_progress(0.25)
        try:
            await asyncio.sleep(0)
            await self.go.wait()
        except asyncio.CancelledError:
            await self.reaped.wait()
            self.cancelled.append(spec.id)
            raise
        if spec.id in self.failures:
            raise self.failures[spec.id]
        on_progress(1.0)
        engine = FakeEngine(spec, self.words, settings)
        engine.refuse = self.probe_failures.get(spec.id)
        engine.template = self.templates.get(spec.id, engine.template)
        engine.thinking = self.switches.get(spec.id)
        self.engines[spec.id] = engine
        return engine

    async def plan_memory(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        self.dry_runs.append(spec.id)
        await self.weighed.wait()
        size = self.sizes.get(spec.id, predict(spec, settings))
        if isinstance(size, AppError):
            raise size
        line = MemoryLine(part=MemoryPart.WEIGHTS, size=size)
        return MemoryPlan(source=PlanSource.DRY_RUN, lines=(line,))


@dataclass(frozen=True)
class Batch:
    """A scan's batch."""

    specs: tuple[ModelSpec, ...]
    files: int
    models: int = 0
    read: tuple[ScannedFile, ...] = ()
    templates: Mapping[ModelId, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


def scanned(item: ModelSpec) -> ScannedFile:
    """The file of a model as a scan has read it."""
    mark = f"{item.id} {item.modified_ns}"
    return ScannedFile(item.path, mark, item.path, item.id, item.size_bytes)


class FakeFiles:
    """A disk: folders with models; `go` holds a scan between its batches."""

    def __init__(self) -> None:
        self.disk: dict[str, list[ModelSpec]] = {}
        self.go = asyncio.Event()
        self.go.set()
        self.scans = 0
        self.reads: list[ModelId] = []
        self.templates: dict[ModelId, str] = {}
        self.other_programs: tuple[Folder, ...] = ()
        self.unwatched: set[str] = set()
        self.trashed: list[str] = []
        self.refuse: AppError | None = None
        """What a test has the trash say."""
        self.free = 1000 * GIGABYTE
        self.changed = asyncio.Event()
        """Set by a test that has changed the disk."""

    async def stores(self) -> tuple[Folder, ...]:
        return self.other_programs

    async def scan(self, folder: Folder, known: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        self.scans += 1
        await asyncio.sleep(0)
        if folder.path not in self.disk:
            raise FolderError(f"{folder.path} isn't there.", "Connect its drive or remove it.")
        there = list(self.disk[folder.path])
        for number, item in enumerate(there):
            file, count = scanned(item), number + 1
            if known.get(file.path) == file.mark:
                yield Batch(specs=(), files=count, models=count)
            else:
                self.reads.append(item.id)
                yield self._batch(item, count)
            await self.go.wait()
        left = frozenset(item.path for item in there)
        gone = tuple(path for path in known if path not in left)
        yield Batch(specs=(), files=len(there), models=len(there), gone=gone)

    async def watch(self, folder: str) -> AsyncGenerator[None, None]:
        if folder in self.unwatched:
            raise FolderError(f"Changes in {folder} go unnoticed.", "Rescan it.")
        while True:
            await self.changed.wait()
            self.changed.clear()
            yield

    async def read(self, path: str) -> Batch:
        for specs in self.disk.values():
            for item in specs:
                if item.path == path:
                    return self._batch(item, 1)
        raise MissingFile(f"{path} isn't there.", "Choose another file.")

    def _batch(self, item: ModelSpec, number: int) -> Batch:
        template = self.templates.get(item.id)
        return Batch(
            specs=(item,),
            files=number,
            models=number,
            read=(scanned(item),),
            templates={item.id: template} if template else {},
        )

    async def trash(self, path: str, shards: int) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.trashed.append(path)
        for models in self.disk.values():
            models[:] = [item for item in models if item.path != path]

    async def free_space(self, folder: str) -> int:
        return self.free

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        there = {item.path for specs in self.disk.values() for item in specs} | set(self.disk)
        return frozenset(path for path in paths if path in there)


class FakeDevices:
    """A machine with room for some fake models."""

    def __init__(self, total: int = 16 * GIGABYTE) -> None:
        self.total = total

    def memory(self) -> MemoryView:
        return MemoryView(total=self.total, available=self.total)

    def cores(self) -> int:
        return 2


class FakeProber:
    """Renders nothing: gives back what a test says that a template makes of the probes."""

    def __init__(self) -> None:
        self.rendered: dict[str, dict[str, str]] = {}
        self.probed: list[str] = []

    async def probe(self, template: str) -> Mapping[str, str]:
        self.probed.append(template)
        return self.rendered.get(template, {})

    async def rest(self) -> None:
        pass

    def warm(self) -> None:
        pass

    async def render(
        self,
        template: str,
        messages: Sequence[ChatMessage],
        special_tokens: dict[str, str],
        variables: Mapping[str, bool | str] = NOTHING_TOLD,
    ) -> str:
        return "".join(turn.text for turn in messages)


class FakeQuantiser:
    """Says that it has written what a test puts on the disk; `go` holds it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.refuse: AppError | None = None
        self.then: Callable[[str], None] = lambda destination: None
        """Called with the new file's path."""

    async def quantise(
        self,
        source: str,
        destination: str,
        quantisation: str,
        on_progress: Callable[[float], None],
    ) -> None:
        on_progress(0.5)
        await self.go.wait()
        if self.refuse is not None:
            raise self.refuse
        self.written.append(destination)
        self.then(destination)


class FakeSupportFiles:
    """Keeps what would be written; `failure` stands in its way, `gate` holds it up."""

    def __init__(self) -> None:
        self.written: dict[str, dict[str, str]] = {}
        self.said: list[str] = []
        self.failure: AppError | None = None
        self.gate: asyncio.Event | None = None

    def facts(self) -> Mapping[str, str]:
        return {"system": "an imagined one"}

    async def parts(self) -> tuple[BundlePart, ...]:
        return (BundlePart(name="logs/modelyard.log", what="The log", size_bytes=1200),)

    async def write(
        self,
        destination: str,
        documents: Mapping[str, str],
        said: AsyncIterator[str],
        on_progress: Callable[[float], None],
    ) -> int:
        on_progress(0.4)
        self.said = [text async for text in said]
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.written[destination] = dict(documents)
        return 4321


@dataclass
class FakePorts:
    """Everything a manager needs, in memory; kept across managers to play a restart."""

    store: MemoryStore = field(default_factory=MemoryStore)
    provider: FakeProvider = field(default_factory=FakeProvider)
    files: FakeFiles = field(default_factory=FakeFiles)
    devices: FakeDevices = field(default_factory=FakeDevices)
    prober: FakeProber = field(default_factory=FakeProber)
    quantiser: FakeQuantiser = field(default_factory=FakeQuantiser)
    support: FakeSupportFiles = field(default_factory=FakeSupportFiles)
    environment: dict[str, str] = field(default_factory=dict)

    def offer(self, *models: ModelSpec) -> None:
        """Put models on the disk and into the store, as if an earlier run had found them."""
        for model in models:
            self.files.disk.setdefault("/models", []).append(model)
            self.store.kept_models[model.id] = model
            self.store.kept_files[model.path] = scanned(model)

    @asynccontextmanager
    async def manager(
        self, accounts: AccountPorts | None = None, spending: SpendingPorts | None = None
    ) -> Any:
        """A started manager over these ports, closed at the end."""
        manager = Manager(
            models=self.store,
            conversations=self.store,
            profiles=self.store,
            settings=self.store,
            library=self.store,
            files=self.files,
            inspection=FileInspection(),
            quantiser=self.quantiser,
            prober=self.prober,
            providers={"local": self.provider},
            devices=self.devices,
            support=self.support,
            environment=self.environment,
            accounts=accounts,
            spending=spending,
        )
        await manager.start()
        try:
            yield manager
        finally:
            await manager.aclose()


def fake_ports() -> FakePorts:
    """A fresh set; call it inside a running loop."""
    return FakePorts()


async def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until a condition holds; fail with its source when it doesn't in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"never came true: {condition}")
        await asyncio.sleep(0.005)
