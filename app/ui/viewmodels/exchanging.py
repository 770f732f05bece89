"""Export and import of what is known of the models, and of the settings, as a file."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.domain.errors import StorageError
from app.domain.exchange import ImportSummary
from app.manager.manager import Manager
from app.tasks import in_daemon_thread
from app.ui import words
from app.ui.intents import Intents

Choose = Callable[[], Awaitable[str | None]]
LEFT_OUT_SHOWN = 12


class Exchanging(QObject):
    """Writes the document of the manager into a file, and takes one in."""

    exported = Signal(str)
    """The path of the file."""

    def __init__(self, manager: Manager, intents: Intents, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents

    def export(self, choose: Choose) -> None:
        """Let the person choose a file and write the document into it."""
        self._intents.run("export", self._export(choose))

    def take_in(self, choose: Choose, tell: Callable[[ImportSummary], Awaitable[object]]) -> None:
        """Let the person choose a file, take it in, and tell what came of it."""
        self._intents.run("import", self._take_in(choose, tell))

    async def _export(self, choose: Choose) -> None:
        path = await choose()
        if path is None:
            return
        await in_daemon_thread(_write, path, await self._manager.exchange.export())
        self.exported.emit(path)

    async def _take_in(
        self, choose: Choose, tell: Callable[[ImportSummary], Awaitable[object]]
    ) -> None:
        path = await choose()
        if path is not None:
            text = await in_daemon_thread(_read, path)
            await tell(await self._manager.exchange.take_in(text))


def taken_words(summary: ImportSummary) -> str:
    """What an import took in, in one sentence."""
    amounts = (
        (summary.models, "new model"),
        (summary.annotations, "note"),
        (summary.aliases, "alias"),
        (summary.folders, "folder"),
        (summary.settings, "setting"),
    )
    parts = [
        words.amount(n, noun, "aliases" if noun == "alias" else "") for n, noun in amounts if n
    ]
    if not parts:
        return "Nothing in it was new."
    return f"Taken in: {', '.join(parts)}."


def left_out_words(summary: ImportSummary) -> str:
    """What an import left out, a line each; empty when that is nothing."""
    lines = [*summary.left_out[:LEFT_OUT_SHOWN]]
    more = len(summary.left_out) - len(lines)
    if more:
        lines.append(f"And {words.count(more)} more.")
    return "\n".join(("Left out:", *lines)) if lines else ""


def _write(path: str, text: str) -> None:
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise StorageError(
            f"{target.name} can't be written.", "Choose another place.", str(error)
        ) from error


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StorageError(
            f"{Path(path).name} can't be read.", "Choose another file.", str(error)
        ) from error
