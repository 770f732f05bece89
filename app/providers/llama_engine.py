"""A GGUF model at work in its own process."""

import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.chat_templates import (
    ChatTemplate,
    ThinkingSwitch,
    possible_switches,
    switch_heeded,
)
from app.domain.errors import (
    AppError,
    InvalidFile,
    NotLoaded,
    RequestError,
    TemplateFailed,
    WorkerHung,
)
from app.domain.generation import (
    PROMPT_LIMIT,
    ChatMessage,
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    GenerationUpdate,
    Role,
    TextPiece,
    measure,
)
from app.domain.reasoning import Parts, ReasoningSplit
from app.ports.engines import TemplateRenderer
from app.providers import failures
from app.providers.chat_formats import ChatFormat
from app.providers.prompts import PLAIN_STOP, plain_prompt
from app.providers.worker_link import Answers, WorkerEnded, WorkerLink, WorkerSilent
from app.worker import protocol

PROBE = (ChatMessage(role=Role.USER, text="Hello"),)
"""The conversation that a template's switches are tried out with."""
EMBEDDED_TOGETHER = 8192
"""Characters of texts that one request to the worker holds, so that others come in between."""


@dataclass(frozen=True)
class Deadlines:
    """How long a worker may do nothing that can be noticed; seconds."""

    load: float = 60
    compute: float = 120
    exit: float = 2
    """From the request to end to the kill."""


class LlamaEngine:
    """A loaded model; the worker computes some requests side by side, others wait their turn."""

    def __init__(  # noqa: PLR0913 - what a model is made of
        self,
        name: str,
        link: WorkerLink,
        renderer: TemplateRenderer,
        chat: ChatFormat,
        deadlines: Deadlines,
        *,
        loaded: protocol.Loaded,
        embedding: bool,
        seed: int | None = None,
        trained: int | None = None,
    ) -> None:
        self._name = name
        self._trained = trained
        self._link = link
        self._renderer = renderer
        self._chat = chat
        self._thinking: ThinkingSwitch | None = None
        self._tried_switches = False
        self._deadlines = deadlines
        self._context_length = loaded.context_length
        self._threads = loaded.threads
        self._embedding = embedding
        self._seed = seed
        self._closing = False
        self._hung: WorkerHung | None = None

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may take together."""
        return self._context_length

    @property
    def threads(self) -> int:
        """Threads that it was last known to compute with."""
        return self._threads

    @property
    def template(self) -> ChatTemplate | None:
        """What it makes prompts with; None for one that makes embeddings."""
        return None if self._embedding else self._chat.described

    async def find_thinking(self) -> ThinkingSwitch | None:
        """Try out whether its template has a switch for reasoning."""
        if self._tried_switches:
            return self._thinking
        template = None if self._embedding else self._chat.template
        for switch in possible_switches(template or ""):
            try:
                untold = await self._rendered(PROBE, {})
                prompts = {
                    choice: await self._rendered(PROBE, switch.setting(choice))
                    for choice in switch.choices
                }
            except TemplateFailed:
                # Whoever asks the model is told why.
                return None
            self._thinking = switch_heeded(switch, prompts, untold)
            if self._thinking is not None:
                break
        self._tried_switches = True
        return self._thinking

    def memory(self) -> int | None:
        """Resident bytes of its process now; None when it is gone."""
        return self._link.memory()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationUpdate, None]:
        """Stream an answer; the last item is a GenerationEnd.

        Raises:
            RequestError: this request can't be served.
            WorkerCrashed, WorkerHung: the process is gone; text streamed so far stands.
            NotLoaded: the model was closed.
        """
        submitted_ns = time.monotonic_ns()
        stamps_ns: list[int] = []
        wording = await self._wording(request)
        split = self._split(request, wording.prompt)
        with self._link.ask(wording) as answers:
            while not answers.complete:
                match await self._next(answers, self._deadlines.compute):
                    case protocol.Tokens(text, stamps):
                        stamps_ns += stamps
                        parts = split.feed(text) if split is not None else Parts(text=text)
                        yield _piece(parts, stamps)
                    case protocol.Done(finish, prompt_tokens, cached_tokens, threads):
                        self._threads = threads
                        if split is not None:
                            yield _piece(split.rest(), ())
                        stats = measure(
                            submitted_ns,
                            tuple(stamps_ns),
                            finish=FinishReason(finish),
                            prompt_tokens=prompt_tokens,
                            cached_tokens=cached_tokens,
                            threads=threads,
                        )
                        yield GenerationEnd(stats=stats)
                    case protocol.Refused() as refused:
                        raise failures.refused_request(self._name, refused, self._trained)

    async def probe(self) -> None:
        """Compute one token or embedding, so that READY is more than a promise.

        Raises:
            ModelError: the model doesn't compute.
        """
        with self._link.ask(protocol.Probe()) as answers:
            answer = await self._next(answers, self._deadlines.compute)
        if isinstance(answer, protocol.Refused):
            raise InvalidFile(
                f"{self._name} is loaded, but doesn't compute.",
                "Download the file again, or choose another model.",
                answer.detail,
            )

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 for each text.

        Raises:
            RequestError: the model makes no embeddings, or a text is empty or too long.
            WorkerCrashed, WorkerHung: the process is gone.
        """
        if not self._embedding:
            raise RequestError(
                f"{self._name} writes text and makes no embeddings.",
                "Choose a model that is made for embeddings.",
            )
        vectors: list[list[float]] = []
        for group in grouped(texts, EMBEDDED_TOGETHER):
            answer = await self._ask(protocol.Embed(group))
            vectors += answer.vectors if isinstance(answer, protocol.Embedded) else []
        return vectors

    async def tokenise(self, text: str) -> list[int]:
        """A text's tokens, special ones where it spells them, the beginning's included.

        Raises:
            WorkerCrashed, WorkerHung: the process is gone.
        """
        answer = await self._ask(protocol.Tokenise(text, special=True))
        return answer.tokens if isinstance(answer, protocol.Tokenised) else []

    async def detokenise(self, tokens: Sequence[int]) -> str:
        """The text of some tokens, special ones spelled out; unknown ones are left out.

        Raises:
            WorkerCrashed, WorkerHung: the process is gone.
        """
        answer = await self._ask(protocol.Detokenise(list(tokens)))
        return answer.text if isinstance(answer, protocol.Detokenised) else ""

    async def wait_ended(self) -> AppError | None:
        """Wait until the model is gone: None after `close`, else the cause."""
        ended = await self._link.ended()
        if self._hung is not None:
            return self._hung
        return None if self._closing else failures.crash(self._name, ended)

    async def close(self) -> None:
        """Free everything; return when the process is reaped. Safe to call twice."""
        # A worker that has crashed by now keeps its own cause.
        if not self._link.over:
            self._closing = True
        await self._link.close(self._deadlines.exit)

    async def _wording(self, request: GenerationRequest) -> protocol.Generate:
        """The request as the worker takes it: finished text."""
        if self._embedding:
            raise RequestError(
                f"{self._name} makes embeddings and can't write text.",
                "Choose a model that can chat.",
            )
        if request.length > PROMPT_LIMIT:
            raise failures.too_long(self._name, request.length, PROMPT_LIMIT)
        prompt, stop = request.prompt, request.stop
        templated = bool(request.messages) and self._chat.template is not None
        if self._chat.template is not None and request.messages:
            switch = await self.find_thinking() if request.thinking is not None else None
            told = switch.setting(request.thinking) if switch is not None else {}
            prompt = await self._rendered(request.messages, told)
        elif request.messages:
            prompt, stop = plain_prompt(request.messages), (*stop, *PLAIN_STOP)
        sampling = request.sampling
        return protocol.Generate(
            prompt=prompt,
            special=templated,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            seed=sampling.seed if sampling.seed is not None else self._seed,
            max_tokens=request.max_tokens,
            stop=list(stop),
            ignore_end=request.ignore_end,
            typical_p=sampling.typical_p,
            repeat_penalty=sampling.repeat_penalty,
            frequency_penalty=sampling.frequency_penalty,
            presence_penalty=sampling.presence_penalty,
            penalty_last_n=sampling.penalty_last_n,
            logit_bias=list(sampling.logit_bias),
            grammar=sampling.grammar,
            json_schema=sampling.json_schema,
            written=list(self._chat.reasoning.special)
            if request.messages and self._chat.reasoning is not None
            else [],
        )

    async def _rendered(
        self, messages: Sequence[ChatMessage], variables: Mapping[str, bool | str]
    ) -> str:
        return await self._renderer.render(
            self._chat.template or "", messages, self._chat.special_tokens, variables
        )

    def _split(self, request: GenerationRequest, prompt: str) -> ReasoningSplit | None:
        """What tells reasoning apart in an answer; a plain prompt's is all text."""
        form = self._chat.reasoning
        return ReasoningSplit(form, prompt) if form is not None and request.messages else None

    async def _ask(self, request: protocol.Message) -> protocol.Message:
        """The one answer to a request."""
        with self._link.ask(request) as answers:
            answer = await self._next(answers, self._deadlines.compute)
        if isinstance(answer, protocol.Refused):
            raise failures.refused_request(self._name, answer, self._trained)
        return answer

    async def _next(self, answers: Answers, silence: float) -> protocol.Message:
        try:
            return await answers.next(silence)
        except WorkerSilent as error:
            self._hung = self._hung or WorkerHung(
                f"The process of {self._name} has not moved for {silence:g} seconds and was ended.",
                "Load the model again; fewer threads or a shorter context may help.",
            )
            self._link.kill()
            raise self._hung from error
        except WorkerEnded as error:
            cause = await self.wait_ended()
            raise cause or NotLoaded(
                f"{self._name} was ejected before it had finished.", "Load it again."
            ) from error


def _piece(parts: Parts, stamps_ns: Sequence[int]) -> TextPiece:
    return TextPiece(text=parts.text, reasoning=parts.reasoning, stamps_ns=tuple(stamps_ns))


def grouped(texts: Sequence[str], length: int) -> Iterator[list[str]]:
    """The texts in order, in groups of at most so many characters; a longer text stands alone."""
    group: list[str] = []
    room = length
    for text in texts:
        if group and len(text) > room:
            yield group
            group, room = [], length
        group.append(text)
        room -= len(text)
    if group:
        yield group
