"""The support bundle: what the program can tell of itself, without anything private."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from app import __version__
from app.domain.activity import error_of
from app.domain.error_reports import ErrorReport
from app.domain.events import Published
from app.domain.instances import InstanceView
from app.domain.settings import Settings
from app.domain.support import BundlePart, unquoting
from app.manager.accounts import Accounts
from app.manager.conversations import Conversations
from app.manager.events import EventBus
from app.manager.models import Models
from app.ports.files import SupportFiles
from app.ports.processes import Devices

DOCUMENTS = {
    "about.json": "Versions, the system and its memory",
    "settings.json": "Settings other than the usual, and the kinds of accounts",
    "models.json": "What is loaded, and how",
    "events.jsonl": "The event log of this run",
}
OWN = {"window"}
"""Settings that say nothing elsewhere."""


class Support:
    """Writes bundles."""

    def __init__(  # noqa: PLR0913 - one argument a part that it tells of
        self,
        *,
        files: SupportFiles,
        models: Models,
        conversations: Conversations,
        accounts: Accounts,
        devices: Devices,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._files = files
        self._models = models
        self._conversations = conversations
        self._accounts = accounts
        self._devices = devices
        self._events = events
        self._settings = settings

    async def parts(self) -> tuple[BundlePart, ...]:
        """What a bundle would hold now."""
        own = (BundlePart(name=name, what=what) for name, what in DOCUMENTS.items())
        return (*own, *await self._files.parts())

    async def write(self, destination: str, on_progress: Callable[[float], None]) -> int:
        """Write a bundle and give back its size in bytes; cancelled or failed, it leaves nothing.

        Keys, prompts and answers, the home directory and the user's name aren't in it.

        Raises:
            StorageError: it can't be written.
        """
        return await self._files.write(destination, self._documents(), self._said(), on_progress)

    def _documents(self) -> Mapping[str, str]:
        memory = self._devices.memory()
        about = {
            "program": __version__,
            "written_at": time.time(),
            "cores": self._devices.cores(),
            "memory_total": memory.total,
            "memory_available": memory.available,
            **self._files.facts(),
        }
        settings = self._settings().model_dump(mode="json", exclude=OWN, exclude_defaults=True)
        settings["accounts"] = [account.kind for account in self._accounts.all()]
        models = [_of_instance(view) for view in self._models.instances()]
        events = [_line(published) for published in self._events.kept()]
        whole: Sequence[Any] = (about, settings, models)
        texts = [json.dumps(item, ensure_ascii=False, indent=1) for item in whole]
        return dict(zip(DOCUMENTS, (*texts, "".join(events)), strict=True))

    async def _said(self) -> AsyncIterator[str]:
        """All that was said in the conversations that are kept."""
        for conversation in self._conversations.all():
            yield conversation.title
            for message in await self._conversations.messages(conversation.id):
                yield message.text
                yield message.reasoning


def _of_instance(view: InstanceView) -> dict[str, Any]:
    # Leases bear the titles of conversations.
    told = view.model_dump(mode="json", exclude={"leases", "error"})
    if view.error is not None:
        told["error"] = unquoting(view.error).model_dump(mode="json")
    return told


def _line(published: Published) -> str:
    event = published.event
    told = event.model_dump(mode="json")
    for field, value in event:
        if isinstance(value, ErrorReport) and error_of(event) is not None:
            told[field] = unquoting(value).model_dump(mode="json")
    line = {
        "seq": published.seq,
        "at": published.at,
        "cause": published.cause,
        "event": type(event).__name__,
        **told,
    }
    return f"{json.dumps(line, ensure_ascii=False)}\n"
