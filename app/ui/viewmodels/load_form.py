"""The state of the dialog in which a model's load settings are chosen."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.instances import COMING, ENDED, InstanceState, InstanceView
from app.domain.load_settings import Adapter, LoadSettings
from app.domain.memory import Fit
from app.domain.models import Capability, ModelId, ModelStatus
from app.manager.manager import Manager
from app.ui import words
from app.ui.intents import Intents
from app.ui.viewmodels import load_words
from app.ui.viewmodels.load_fields import (
    FIELDS,
    SECTIONS,
    TYPED,
    Field,
    FormSection,
    Kind,
    Unreadable,
    read,
    written,
)
from app.ui.viewmodels.model_choices import Choice, adapters_for

AdapterDraft = tuple[str, str]
"""A file's path, and its scale as it is typed."""
PROCESSOR_ONLY = "This build of llama.cpp computes on the processor only."
GPU = frozenset({"gpu_layers", "main_gpu", "tensor_split"})
WRITING = frozenset({"slots", "seed"})
"""Settings without a meaning for models that only make embeddings."""


class LoadForm(QObject):
    """A draft of one model's settings, judged as it is typed, until it is saved or left."""

    changed = Signal()
    """Something that the dialog shows is different."""
    done = Signal()
    """There is nothing left to say: it is saved, and loaded where that was asked for."""

    def __init__(self, manager: Manager, intents: Intents, model_id: ModelId) -> None:
        super().__init__()
        self._manager = manager
        self._models = manager.models
        self._memory = manager.memory
        self._keeper = manager.models.load_settings
        self._intents = intents
        self.spec = manager.models.get(model_id)
        self.failure: ErrorReport | None = None
        """Why saving or loading didn't work."""
        self._left = False
        self._room = self._memory.room()
        self._draft: dict[str, object] = {}
        self._errors: dict[str, str] = {}
        self._settings: LoadSettings | None = None
        self._take(self._keeper.own(model_id))
        intents.busy_changed.connect(self._busy_changed)

    # What the dialog shows

    def sections(self) -> tuple[FormSection, ...]:
        """The sections with the fields that mean something for this model."""
        sections = (
            FormSection(section.title, tuple(f for f in section.fields if self._applies(f)))
            for section in SECTIONS
        )
        return tuple(section for section in sections if section.fields)

    def hint(self, field: Field) -> str:
        """The line of explanation under a field."""
        if field.name != "context_length":
            return field.hint
        tokens = "Tokens that a prompt and its answer may take together"
        trained = self.spec.context_length
        return f"{tokens}; trained for {words.count(trained)}." if trained else f"{tokens}."

    def automatic(self, field: Field) -> str:
        """What is in force while the field is empty."""
        general = getattr(self._keeper.general(), field.name)
        if _is_count(general):
            return f"{words.count(general)} (for all models)"
        view = self._view()
        if field.name == "threads" and view is not None and view.settings.threads is None:
            return f"Automatic ({words.count(view.threads)} now)" if view.threads else "Automatic"
        chosen = getattr(self._keeper.automatic(self.spec), field.name)
        if _is_count(chosen):
            return f"Automatic ({words.count(chosen)})"
        known = str(chosen).upper() if chosen else field.automatic
        return f"Automatic ({known})" if known else "Automatic"

    def draft(self, name: str) -> object:
        """What a field holds: text where it is typed, a value where it is chosen."""
        return self._draft[name]

    def adapters(self) -> tuple[AdapterDraft, ...]:
        """The files and scales as they are typed."""
        adapters = self._draft["adapters"]
        return adapters if isinstance(adapters, tuple) else ()

    def offered_adapters(self, typed: str = "") -> Sequence[Choice]:
        """The adapters of the library that aren't laid over the model yet, by what is typed."""
        taken = {path for path, _ in self.adapters()}
        found = adapters_for(self._manager, self.spec, typed)
        return [choice for choice in found if choice.path not in taken]

    def error(self, name: str) -> str:
        """Why a field's value can't be taken; empty when it can."""
        return self._errors.get(name, "")

    def note(self, section: FormSection) -> str:
        """What is to be known of a whole section."""
        on_gpu = any(field.name in GPU for field in section.fields)
        return PROCESSOR_ONLY if on_gpu and self._computes_here() else ""

    def is_locked(self, name: str) -> bool:
        """Whether a field can't be filled in; one that holds something can always be emptied."""
        return name in GPU and not self._draft[name] and self._computes_here()

    def predicted(self) -> tuple[int, Fit] | None:
        """Bytes that the model would take like this and whether they fit; None when it can't be."""
        if self._settings is None or not self.spec.path:
            return None
        settings = self._keeper.merged(self._settings)
        return (
            self._memory.predict(self.spec.id, settings),
            self._memory.fit(self.spec.id, self._room, settings),
        )

    def status(self) -> str:
        """How the model stands to the draft, in a sentence."""
        view = self._view()
        if view is None or view.state in ENDED:
            return ""
        if self.busy() or view.state is not InstanceState.READY:
            return f"{self.spec.name}: {words.state(view)}"
        if self._settings is not None and self._keeper.merged(self._settings) == view.settings:
            return f"It is loaded like this, with {load_words.threads(view) or 'these settings'}."
        return "It is loaded with other settings; these take effect at the next load."

    def load_words(self) -> str:
        """What the button says that loads the model at once."""
        loads = "reload" if self.loaded() else "load"
        return f"Save and {loads}" if self._is_new() else loads.capitalize()

    def loaded(self) -> bool:
        """Whether the model is in memory."""
        view = self._view()
        return view is not None and view.state not in ENDED

    def busy(self) -> bool:
        """Whether the model is being saved or loaded because this dialog asked for it."""
        return any(self._intents.running(name) for name in (self._saving, self._loading))

    def can_save(self) -> bool:
        """Whether there is something to save."""
        return self._settings is not None and self._is_new() and not self.busy()

    def can_load(self) -> bool:
        """Whether the model can be loaded like this."""
        view = self._view()
        coming = view is not None and view.state in COMING
        available = self.spec.status is ModelStatus.AVAILABLE
        return self._settings is not None and available and not coming and not self.busy()

    def can_reset(self) -> bool:
        """Whether anything isn't automatic."""
        return self._settings != LoadSettings() and not self.busy()

    # What the person does

    def set(self, name: str, value: object) -> None:
        """Fill in a field: text where it is typed, a value where it is chosen."""
        self._draft[name] = value
        self._judge()
        self.changed.emit()

    def reset(self) -> None:
        """Empty every field."""
        self._take(LoadSettings())
        self.changed.emit()

    def save(self) -> None:
        """Keep the settings for the next load."""
        self._start(self._saving, load=False)

    def save_and_load(self, *, anyway: bool = False) -> None:
        """Load the model with the settings and keep them, anew where it is loaded.

        Args:
            anyway: load it although it isn't predicted to fit.
        """
        self._start(self._loading, load=True, anyway=anyway)

    def follow(self) -> None:
        """Something happened to the loaded models."""
        self._room = self._memory.room()
        self.changed.emit()

    def leave(self) -> None:
        """The dialog is closed; a load under way goes on."""
        self._left = True

    @property
    def _saving(self) -> str:
        return f"save settings of {self.spec.id}"

    @property
    def _loading(self) -> str:
        return f"load {self.spec.id}"

    def _start(self, name: str, *, load: bool, anyway: bool = False) -> None:
        if self._settings is None:
            return
        self.failure = None
        self._intents.run(name, self._perform(self._settings, load=load, anyway=anyway))
        self.changed.emit()

    async def _perform(self, settings: LoadSettings, *, load: bool, anyway: bool) -> None:
        try:
            if load and self.loaded():
                await self._models.reload(self.spec.id, settings, anyway=anyway)
            else:
                await self._keeper.save(self.spec, settings)
                if load:
                    await self._models.load(self.spec.id, anyway=anyway)
        except AppError as error:
            if self._left:
                raise
            self.failure = report_of(error)
        else:
            self.done.emit()

    def _busy_changed(self, name: str, _: bool) -> None:
        if name in {self._saving, self._loading}:
            self.changed.emit()

    # The draft

    def _take(self, settings: LoadSettings) -> None:
        self._draft = {
            name: written(getattr(settings, name))
            if field.kind in TYPED
            else getattr(settings, name)
            for name, field in FIELDS.items()
        }
        self._draft["adapters"] = tuple((a.path, written(a.scale)) for a in settings.adapters)
        self._judge()

    def _judge(self) -> None:
        """Read the draft: settings where all of it can be taken, and errors where it can't."""
        self._settings, self._errors = None, {}
        values = dict(self._draft)
        for name, field in FIELDS.items():
            try:
                if field.kind in TYPED:
                    values[name] = read(field, str(self._draft[name]))
                elif field.kind is Kind.ADAPTERS:
                    values[name] = tuple(_adapter(field, *draft) for draft in self.adapters())
            except Unreadable as error:
                self._errors[name] = str(error)
                del values[name]
        settings = LoadSettings.model_validate(values)
        for name, refusal in self._keeper.refusals(self.spec, settings).items():
            self._errors.setdefault(name, f"{refusal.what} {refusal.remedy}")
        if not self._errors:
            self._settings = settings

    def _applies(self, field: Field) -> bool:
        if field.name == "pooling":
            return self.spec.can(Capability.EMBEDDING) or bool(self._draft["pooling"])
        return not (field.name in WRITING and self.spec.embeds_only)

    def _computes_here(self) -> bool:
        return self._models.offloads(self.spec.id) is False

    def _is_new(self) -> bool:
        return self._settings != self._keeper.own(self.spec.id)

    def _view(self) -> InstanceView | None:
        return self._models.instance(self.spec.id)


def _adapter(field: Field, path: str, scale: str) -> Adapter:
    number = read(Field(field.name, "The scale of an adapter", kind=Kind.NUMBER), scale)
    return Adapter(path=path, scale=number if isinstance(number, float) else 1.0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
