"""The dialogs of the library: converting a model, deleting one of several files, export, import."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.domain.exchange import ImportSummary
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.ui import dialogs, words
from app.ui.intents import Intents
from app.ui.main_window.messages import Messages
from app.ui.pages.convert_dialog import ConvertDialog, choose_conversion
from app.ui.theme import Theme
from app.ui.viewmodels.converting import ConvertForm, Converting, Ended
from app.ui.viewmodels.exchanging import Exchanging, left_out_words, taken_words
from app.ui.viewmodels.gestures import Gestures

EXPORTS = "Exports (*.json)"
EXPORT_NAME = "modelyard-library.json"


class LibraryDialogs(QObject):
    """Opens them over the window, and tells what ends while none is open."""

    made = Signal(str)
    """The id of a model that was made and is to be shown."""

    def __init__(  # noqa: PLR0913 - whom it asks and whom it tells, each named
        self,
        window: QWidget,
        look: Theme,
        manager: Manager,
        intents: Intents,
        *,
        gestures: Gestures,
        converting: Converting,
        messages: Messages,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._look = look
        self._manager = manager
        self._intents = intents
        self._gestures = gestures
        self._converting = converting
        self._messages = messages
        self._exchanging = Exchanging(manager, intents, self)
        self._exchanging.exported.connect(messages.say_exported)
        converting.ended.connect(self._ended)

    def convert(self, model_id: ModelId) -> None:
        """Let the person choose what a model is converted to."""
        self._intents.run(f"choose conversion of {model_id}", self._convert(model_id))

    def delete(self, model_id: ModelId) -> None:
        """Move a model to the trash; several files are asked about first."""
        paths = self._manager.deletions.deletable(model_id)
        if len(paths) > 1:
            work = self._ask_to_delete(model_id, paths)
            self._intents.run(f"ask to delete {model_id}", work)
        else:
            self._gestures.delete(model_id)

    def export(self) -> None:
        """Write the library and the settings into a file."""
        title = "Export the library"
        self._exchanging.export(
            partial(dialogs.choose_new_file, self._window, title, EXPORTS, EXPORT_NAME)
        )

    def take_in(self) -> None:
        """Take in what a file has, and say what that was."""
        choose = partial(dialogs.choose_file, self._window, "Import a library", EXPORTS)
        self._exchanging.take_in(choose, self.tell)

    async def tell(self, summary: ImportSummary) -> None:
        """Say what an import took in and left out."""
        text, detail = taken_words(summary), left_out_words(summary)
        await dialogs.ask(self._window, "Imported", text, ("Close",), detail=detail)

    async def _ask_to_delete(self, model_id: ModelId, paths: Sequence[str]) -> None:
        known = await self._manager.duplicates.known(model_id)
        alike = (
            "Read in full, they are the same byte for byte."
            if known is not None and known.same
            else "They are alike in size, first and last MiB; Show copies compares them in full."
        )
        answer = await dialogs.ask(
            self._window,
            f"Delete all {words.amount(len(paths), 'file')} of this model?",
            f"{alike} All of them go to the trash.",
            ("Delete", "Cancel"),
            default="Cancel",
            detail="\n".join(paths),
        )
        if answer == "Delete":
            self._gestures.delete(model_id)

    async def _convert(self, model_id: ModelId) -> None:
        form = ConvertForm(self._manager, self._converting, self._intents, model_id)
        made = await choose_conversion(self._window, self._look, self._converting, form)
        if made is not None:
            self.made.emit(made)

    def _ended(self, ended: Ended) -> None:
        open_ones = (d for d in self._window.findChildren(ConvertDialog) if d.isVisible())
        if any(dialog.form.spec.id == ended.model_id for dialog in open_ones):
            return
        if ended.failure is not None:
            self._messages.fail(ended.failure)
        elif ended.made is not None:
            self._messages.say_converted(ended, partial(self.made.emit, ended.made))
