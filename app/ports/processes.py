"""Child processes, and the machine they run on."""

from collections.abc import AsyncIterator
from typing import Protocol

from app.domain.memory import MemoryView


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
