"""Loaded models, what loads them, and what works beside them."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol

from app.domain.chat_templates import ChatTemplate, ThinkingSwitch
from app.domain.errors import AppError
from app.domain.generation import ChatMessage, GenerationRequest, GenerationUpdate
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MemoryPlan
from app.domain.models import ModelSpec

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
