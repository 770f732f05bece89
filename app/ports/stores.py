"""What is kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.accounts import Account, AccountId, AccountRefresh
from app.domain.annotations import Annotation
from app.domain.conversations import Conversation, ConversationId, Message
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MeasuredUse
from app.domain.model_columns import ModelColumns
from app.domain.models import Alias, Folder, ModelId, ModelSpec, ScannedFile
from app.domain.profiles import ModelMetrics, ProfileRun
from app.domain.spending import SpendingEntry
from app.domain.switching import AliasChange


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


class AccountStore(Protocol):
    """Keeps accounts, without their keys."""

    async def accounts(self) -> tuple[Account, ...]:
        """All of them in the order they were added."""
        ...

    async def save_account(self, account: Account) -> None:
        """Add or replace an account by id."""
        ...

    async def forget_account(self, account: Account) -> None:
        """Remove an account, and what came of asking it."""
        ...

    async def refreshes(self) -> dict[AccountId, AccountRefresh]:
        """What came of asking each account for its models the last time."""
        ...

    async def save_refresh(self, account_id: AccountId, refresh: AccountRefresh) -> None:
        """Keep what came of asking, in place of what came of it before."""
        ...

    async def forget_refresh(self, account_id: AccountId) -> None:
        """Keep no longer what came of asking."""
        ...


class SpendingStore(Protocol):
    """Keeps what answers took."""

    async def entries(self) -> tuple[SpendingEntry, ...]:
        """All of them, the latest day first."""
        ...

    async def save_entry(self, entry: SpendingEntry) -> None:
        """Add or replace the entry of a model and day."""
        ...
