"""What floors need of one another, as Protocols; the composition root joins them.

Everything here is awaited on the event loop. An adapter that blocks hops to a thread or a process.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from typing import Protocol

from app.domain.accounts import Account, LocalServer, ProviderKind
from app.domain.annotations import Annotation
from app.domain.chat_templates import ChatTemplate, ThinkingSwitch
from app.domain.conversations import Conversation, ConversationId, Message
from app.domain.errors import AppError
from app.domain.generation import ChatMessage, GenerationRequest, GenerationUpdate
from app.domain.inspection import FileDigest, KeyPage, TensorPage, ValuePage
from app.domain.load_settings import LoadSettings
from app.domain.memory import MemoryView
from app.domain.memory_plans import MeasuredUse, MemoryPlan
from app.domain.model_columns import ModelColumns
from app.domain.models import Alias, Folder, ModelId, ModelSpec, ScannedFile
from app.domain.profiles import ModelMetrics, ProfileRun
from app.domain.secrets import AuditReport, KeyPlace, KeyringState, Secret
from app.domain.spending import Price, SpendingEntry
from app.domain.support import BundlePart
from app.domain.switching import AliasChange

NOTHING_TOLD: Mapping[str, bool | str] = {}


class Engine(Protocol):
    """A model loaded at a provider, ready to generate."""

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may take together."""
        ...

    @property
    def threads(self) -> int | None:
        """Threads that it was last known to compute with; None for a remote model."""
        ...

    @property
    def template(self) -> ChatTemplate | None:
        """What it makes prompts with; None for one that doesn't chat or is asked remotely."""
        ...

    def memory(self) -> int | None:
        """Resident bytes of its process now; None for a remote model."""
        ...

    async def find_thinking(self) -> ThinkingSwitch | None:
        """Try out whether its template has a switch for reasoning."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
        """Stream an answer; the last item is a GenerationEnd.

        Closing the generator ends the computing at once. Several may run side by side.

        Raises:
            RequestError: this request can't be served.
            WorkerCrashed, WorkerHung: the process is gone; text streamed so far stands.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 for each text.

        Raises:
            RequestError: the model makes no embeddings, or a text is empty or too long.
            WorkerCrashed, WorkerHung: the process is gone.
        """
        ...

    async def tokenise(self, text: str) -> list[int]:
        """A text's tokens, special ones where it spells them, the beginning's included.

        Raises:
            WorkerCrashed, WorkerHung: the process is gone.
        """
        ...

    async def detokenise(self, tokens: Sequence[int]) -> str:
        """The text of some tokens, special ones spelled out; unknown ones are left out.

        Raises:
            WorkerCrashed, WorkerHung: the process is gone.
        """
        ...

    async def probe(self) -> None:
        """Compute one token or embedding, so that READY is more than a promise.

        Raises:
            ModelError: the model doesn't compute.
        """
        ...

    async def wait_ended(self) -> AppError | None:
        """Wait until the model is gone: None after `close`, else the cause."""
        ...

    async def close(self) -> None:
        """Free everything; return when the process is reaped. Safe to call twice."""
        ...


class Provider(Protocol):
    """Loads the models of one account."""

    def warm(self) -> None:
        """From now on, prepare in the background for a load that may be asked for."""
        ...

    @property
    def offloads(self) -> bool | None:
        """Whether it can compute on GPUs; None until a model has been loaded."""
        ...

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> Engine:
        """Load a model; `on_progress` gets 0 to 1.

        A cancelled load returns (by CancelledError) after its process is reaped.

        Args:
            spec: the model.
            settings: how.
            on_progress: told of the progress.
            plentiful: there is so much memory that what isn't needed at once may be taken later;
                otherwise a model that is loaded has all that it may need.

        Raises:
            ModelError: it can't be loaded; nothing is left running.
        """
        ...

    async def plan_memory(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        """What a load would take, found out without loading; a fraction of a second.

        Raises:
            ModelError: it can't be loaded; nothing is left running.
            SettingError: a setting can't be taken.
        """
        ...


class ModelFiles(Protocol):
    """Model files on disk."""

    async def stores(self) -> tuple[Folder, ...]:
        """The stores of other programs that are there now."""
        ...

    def scan(self, folder: Folder, known: Mapping[str, str]) -> AsyncGenerator["ScanBatch", None]:
        """Read every model below a folder, in batches that come as they are found.

        Closing the generator ends the scan.

        Args:
            folder: where to look.
            known: the marks of files by path; one that still has its mark is not read again.

        Raises:
            FolderError: the folder can't be read.
        """
        ...

    def watch(self, folder: str) -> AsyncGenerator[None, None]:
        """Yield whenever models below a folder may have changed and it has been quiet since.

        Closing the generator ends the watch.

        Raises:
            FolderError: its file system tells of no changes.
        """
        ...

    async def read(self, path: str) -> "ScanBatch":
        """One file, with what belongs to it, as a batch of one model.

        Broken files come back INVALID with their reason.

        Raises:
            MissingFile: there is no such file.
        """
        ...

    async def present(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the files and folders that exist now."""
        ...

    async def trash(self, path: str, shards: int) -> None:
        """Move a model's file, with its other shards, into the system's trash.

        Raises:
            FolderError: it can't be moved.
        """
        ...

    async def free_space(self, folder: str) -> int:
        """Bytes that can be written below a folder.

        Raises:
            FolderError: the folder isn't there or can't be written to.
        """
        ...


class FileInspection(Protocol):
    """Everything that a model's files say of themselves, a page at a time.

    Each raises MissingFile when the file is gone and InvalidFile when it is broken.
    """

    async def keys(self, path: str, offset: int, limit: int) -> KeyPage:
        """Some of a header's keys, as the file has them."""
        ...

    async def values(self, path: str, key: str, offset: int, limit: int) -> ValuePage:
        """Some items of a key that holds a list; a single value is a list of one."""
        ...

    async def tensors(self, path: str, shards: int, offset: int, limit: int) -> TensorPage:
        """Some of the tensors of all shards, and the quantisation mix of all of them."""
        ...

    async def chat_template(self, path: str) -> tuple[str, dict[str, str]]:
        """The source of the chat template, empty where there is none, and its special tokens."""
        ...

    def sha256(self, path: str, shards: int) -> AsyncGenerator[float | FileDigest, None]:
        """The share of all shards that is hashed so far, 0 to 1, and each one's digest in order."""
        ...


class Quantiser(Protocol):
    """Writes models anew with smaller weights."""

    async def quantise(
        self,
        source: str,
        destination: str,
        quantisation: str,
        on_progress: Callable[[float], None],
    ) -> None:
        """Write a model as another type; cancelled or failed, it leaves nothing behind.

        Args:
            source: the file, or the first of its shards.
            destination: the file to write, which mustn't be there.
            quantisation: one of `domain.conversions.QUANTISATIONS`.
            on_progress: gets 0 to 1.

        Raises:
            ModelError: llama.cpp can't do it.
        """
        ...


class ScanBatch(Protocol):
    """Some results of a scan under way."""

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Models read since the last batch."""
        ...

    @property
    def files(self) -> int:
        """Files looked at so far, model or not."""
        ...

    @property
    def models(self) -> int:
        """Models found so far, read or known."""
        ...

    @property
    def read(self) -> tuple[ScannedFile, ...]:
        """Every file that was read since the last batch."""
        ...

    @property
    def templates(self) -> Mapping[ModelId, str]:
        """The chat templates of those models that bring one."""
        ...

    @property
    def gone(self) -> tuple[str, ...]:
        """In the last batch, the known files that aren't there any more."""
        ...


class TemplateRenderer(Protocol):
    """Renders chat templates, which are foreign programs, out of harm's way."""

    def warm(self) -> None:
        """Prepare in the background, so that the first prompt doesn't wait for it."""
        ...

    async def render(
        self,
        template: str,
        messages: Sequence[ChatMessage],
        special_tokens: dict[str, str],
        variables: Mapping[str, bool | str] = NOTHING_TOLD,
    ) -> str:
        """The prompt text for these turns, ready for the assistant to answer.

        Args:
            template: the template's source.
            messages: the turns.
            special_tokens: the texts that templates know by name.
            variables: what else the template is told.

        Raises:
            TemplateFailed: the template raised, ran too long or grew too large.
        """
        ...


class TemplateProber(TemplateRenderer, Protocol):
    """Finds out by rendering what a chat template can say."""

    async def probe(self, template: str) -> Mapping[str, str]:
        """What it makes of each of the domain's probes, by the probe's name.

        A probe that it refuses has no entry; a template that can't be rendered at all has none.
        """
        ...

    async def rest(self) -> None:
        """There is nothing more to try for now: free what was kept for it."""
        ...


class Exit(Protocol):
    """How a child process ended."""

    @property
    def code(self) -> int:
        """The exit status; negative for a signal, as asyncio reports it."""
        ...

    @property
    def stderr(self) -> str:
        """The last lines it wrote."""
        ...

    @property
    def starved(self) -> bool:
        """Whether the system is known to have ended processes for want of memory meanwhile."""
        ...


class Child(Protocol):
    """A running child process that talks in frames."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def send(self, frame: bytes) -> None:
        """Queue one encoded frame for its stdin; a child that is gone ignores it."""
        ...

    def received(self) -> AsyncIterator[bytes]:
        """Raw bytes of its stdout as they come, until it closes them. For one reader."""
        ...

    def memory(self) -> int | None:
        """Its resident bytes; None when it is gone."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    async def wait(self) -> Exit:
        """Wait until it has ended and is reaped. Any number may wait."""
        ...


class Children(Protocol):
    """Starts this program's own worker processes."""

    async def start(self, kind: str) -> Child:
        """Start `--worker kind` with a scrubbed environment, bound to this process's life."""
        ...

    def warm(self, kind: str) -> None:
        """Have one ready in the background, so that the next start finds it up and running."""
        ...


class Devices(Protocol):
    """The machine that models run on."""

    def memory(self) -> MemoryView:
        """Memory now, with a container's limit applied."""
        ...

    def cores(self) -> int:
        """Processor cores this process may use."""
        ...


class SupportFiles(Protocol):
    """Writes support bundles: what the manager tells, with the log and the crash files."""

    def facts(self) -> Mapping[str, str]:
        """Versions of what the program is made of, and of the system that it runs on."""
        ...

    async def parts(self) -> tuple[BundlePart, ...]:
        """The files that a bundle takes up."""
        ...

    async def write(
        self,
        destination: str,
        documents: Mapping[str, str],
        said: AsyncIterator[str],
        on_progress: Callable[[float], None],
    ) -> int:
        """Write a bundle and give back its size in bytes; cancelled or failed, it leaves nothing.

        Args:
            destination: the file; one that is there is replaced.
            documents: what goes in beside the files, by name.
            said: what was said in conversations, so that none of it is repeated.
            on_progress: gets 0 to 1.

        Raises:
            StorageError: it can't be written.
        """
        ...


class ModelStore(Protocol):
    """Keeps specs, folders, aliases, metrics and what was loaded."""

    async def models(self) -> ModelColumns:
        """Every spec that is kept."""
        ...

    async def save_models(self, specs: Sequence[ModelSpec]) -> None:
        """Add or replace specs by id."""
        ...

    async def forget_models(self, ids: Sequence[ModelId]) -> None:
        """Remove specs; unknown ids are ignored."""
        ...

    async def folders(self) -> tuple[Folder, ...]:
        """The user's folders in the order they were added."""
        ...

    async def save_folder(self, folder: Folder) -> None:
        """Add a folder; one that is kept already stays where it is."""
        ...

    async def forget_folder(self, path: str) -> None:
        """Remove a folder."""
        ...

    async def aliases(self) -> tuple[Alias, ...]:
        """Every alias."""
        ...

    async def change_alias(self, change: AliasChange) -> None:
        """Point an alias elsewhere or remove it, and add that to its history, in one step."""
        ...

    async def alias_history(self) -> tuple[AliasChange, ...]:
        """The kept changes of every alias, the newest first."""
        ...

    async def metrics(self) -> tuple[ModelMetrics, ...]:
        """Every model's averages."""
        ...

    async def save_metrics(self, item: ModelMetrics) -> None:
        """Replace one model's averages."""
        ...

    async def counters(self) -> dict[str, int]:
        """How often things happened, by name."""
        ...

    async def save_counters(self, counters: Mapping[str, int]) -> None:
        """Replace some counters."""
        ...

    async def load_settings(self) -> dict[ModelId, LoadSettings]:
        """The models that the user loads in a way of their own."""
        ...

    async def save_load_settings(self, model_id: ModelId, settings: LoadSettings) -> None:
        """Replace one model's settings."""
        ...

    async def measured_uses(self) -> dict[ModelId, tuple[MeasuredUse, ...]]:
        """How much memory models were seen to take."""
        ...

    async def save_measured_use(self, model_id: ModelId, use: MeasuredUse) -> None:
        """Replace what one model was seen to take when loaded in one way."""
        ...

    async def session(self) -> tuple[ModelId, ...]:
        """The models that were loaded when this was last saved, oldest first."""
        ...

    async def save_session(self, loaded: Sequence[ModelId]) -> None:
        """Replace the list of loaded models."""
        ...

    async def pins(self) -> frozenset[ModelId]:
        """The models that are kept loaded."""
        ...

    async def save_pin(self, model_id: ModelId) -> None:
        """Keep a model loaded; one that is kept already stays so."""
        ...

    async def forget_pin(self, model_id: ModelId) -> None:
        """Keep it no longer; an unknown id is ignored."""
        ...


class LibraryStore(Protocol):
    """Keeps what scans have read, what is noted of models, and saved searches."""

    async def scanned(self, below: str) -> tuple[ScannedFile, ...]:
        """The files below a folder that scans have read, in no order."""
        ...

    async def files_of(self, models: Sequence[ModelId]) -> tuple[ScannedFile, ...]:
        """The files that hold some models."""
        ...

    async def shared(self) -> tuple[ScannedFile, ...]:
        """The files of every model that has several, by model and path."""
        ...

    async def save_scanned(self, files: Sequence[ScannedFile]) -> None:
        """Add or replace files by path."""
        ...

    async def forget_scanned(self, paths: Sequence[str]) -> None:
        """Remove files by path; unknown ones are ignored."""
        ...

    async def annotations(self) -> tuple[Annotation, ...]:
        """What is noted of every model."""
        ...

    async def save_annotations(self, annotations: Sequence[Annotation]) -> None:
        """Replace what is noted of some models; empty annotations are removed."""
        ...

    async def searches(self) -> dict[str, str]:
        """Every saved search's query by its name, in the order of their saving."""
        ...

    async def save_search(self, name: str, query: str) -> None:
        """Add a search or replace its query."""
        ...

    async def forget_search(self, name: str) -> None:
        """Remove a search; an unknown one is ignored."""
        ...


class ConversationStore(Protocol):
    """Keeps conversations."""

    async def conversations(self) -> tuple[Conversation, ...]:
        """All of them, the last changed first."""
        ...

    async def messages(self, conversation: ConversationId) -> tuple[Message, ...]:
        """The turns of one conversation in order."""
        ...

    async def save_conversation(self, conversation: Conversation) -> None:
        """Add or replace a conversation's own row."""
        ...

    async def save_messages(self, messages: Sequence[Message]) -> None:
        """Add or replace messages by id in one step; new ones come last in their conversation."""
        ...

    async def forget_messages(self, messages: Sequence[Message]) -> None:
        """Remove messages by id."""
        ...

    async def forget_conversation(self, conversation: ConversationId) -> None:
        """Remove a conversation and its messages."""
        ...


class ProfileStore(Protocol):
    """Keeps profiling runs."""

    async def runs(self) -> tuple[ProfileRun, ...]:
        """All runs, the newest first."""
        ...

    async def save_run(self, run: ProfileRun) -> None:
        """Keep a run."""
        ...

    async def forget_run(self, run: ProfileRun) -> None:
        """Remove a run."""
        ...


class SettingStore(Protocol):
    """Keeps settings, one JSON text a key."""

    async def settings(self) -> dict[str, str]:
        """Every stored key with its JSON text."""
        ...

    async def save_setting(self, key: str, value: str) -> None:
        """Store one key's JSON text."""
        ...

    async def forget_setting(self, key: str) -> None:
        """Return a key to its default."""
        ...


class KeyVault(Protocol):
    """Keeps keys where the system keeps them; what it gave out once appears in no log."""

    async def state(self) -> KeyringState:
        """Whether keys outlive this run."""
        ...

    async def keep(self, credential: str, key: Secret, *, for_now: bool = False) -> KeyPlace:
        """Keep a key in the keyring, or until the app quits where there is none.

        A call that is cancelled or fails leaves nothing behind.

        Args:
            credential: the name of the entry; each key has one of its own.
            key: the key.
            for_now: keep it until the app quits in any case.

        Raises:
            KeyringFailed: there is a keyring and it doesn't take it.
        """
        ...

    async def find(self, credential: str) -> Secret | None:
        """A kept key, or None where there is none any more.

        Raises:
            KeyringFailed: the keyring doesn't tell.
        """
        ...

    def variable(self, name: str) -> Secret | None:
        """The key in an environment variable; None where it isn't set.

        Raises:
            KeyUnusable: what is in it can be no key.
        """
        ...

    async def forget(self, credential: str) -> None:
        """Remove a key; one that isn't there is ignored.

        Raises:
            KeyringFailed: it may still be there.
        """
        ...


class KeyAudit(Protocol):
    """Searches what the app writes and starts for keys that lie openly."""

    async def search(self, keys: Mapping[str, Secret]) -> AuditReport:
        """Look for each key, by the name of its entry, in every file and child process."""
        ...


class RemoteProvider(Provider, Protocol):
    """The models of one account on a server."""

    def models(self) -> AsyncGenerator[tuple[ModelSpec, ...], None]:
        """What the server offers, a page at a time.

        Raises:
            RemoteError: the server doesn't tell.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        ...

    async def check(self) -> None:
        """Have the server take the key, without cost.

        Raises:
            RemoteError: it doesn't answer as it should.
            KeyUnusable: it doesn't take the key, or there is none.
        """
        ...

    def renew(self) -> None:
        """Ask for the key anew before the next request; answers under way keep theirs."""
        ...

    async def aclose(self) -> None:
        """Cut every connection."""
        ...


class Connections(Protocol):
    """Makes adapters out of accounts."""

    def open(
        self,
        account: Account,
        key: Callable[[], Awaitable[Secret | None]],
        permit: Callable[[ModelSpec], None],
    ) -> RemoteProvider:
        """The adapter for an account; nothing is sent yet.

        Args:
            account: where, and whose server.
            key: tells the key; None for a server that wants none.
            permit: called before each request; raises what forbids it.
        """
        ...

    async def find_local(self) -> tuple[LocalServer, ...]:
        """The servers on this machine that answer on their usual ports now."""
        ...


class AccountStore(Protocol):
    """Keeps accounts, without their keys."""

    async def accounts(self) -> tuple[Account, ...]:
        """All of them in the order they were added."""
        ...

    async def save_account(self, account: Account) -> None:
        """Add or replace an account by id."""
        ...

    async def forget_account(self, account: Account) -> None:
        """Remove an account."""
        ...


class PriceList(Protocol):
    """What providers charge, looked up without a network."""

    async def price(self, kind: ProviderKind, base_url: str, model: str) -> Price | None:
        """What a model costs by the provider's own id; None where the list doesn't say."""
        ...


class SpendingStore(Protocol):
    """Keeps what answers took."""

    async def entries(self) -> tuple[SpendingEntry, ...]:
        """All of them, the latest day first."""
        ...

    async def save_entry(self, entry: SpendingEntry) -> None:
        """Add or replace the entry of a model and day."""
        ...
