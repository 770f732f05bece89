"""The engine: answers the app's requests with one llama.cpp model."""

import threading
import time
from queue import SimpleQueue
from typing import NoReturn

from app.worker import protocol
from app.worker.answer import AnswerText
from app.worker.batcher import Batcher
from app.worker.binding import load_binding
from app.worker.channel import Channel, crash
from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Generate, Load, Message
from app.worker.slots import Job
from app.worker.token_stream import TokenStream

PROGRESS_NS = 50_000_000
HEARTBEAT_SECONDS = 1.0
SHORT = 2000
"""Characters of a prompt that are cut into tokens sooner than another thread would wake up."""


class LlamaWorker:
    """Owns the model.

    The main thread computes. The channel's thread takes requests in and cancels them, and cuts
    short prompts into tokens on the way; a thread of its own does so with the others, so that a
    long one keeps neither a cancel nor a stream waiting.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._arrived: SimpleQueue[Job] = SimpleQueue()
        self._tokenised: SimpleQueue[Job] = SimpleQueue()
        self._jobs: dict[int, Job] = {}
        self._batcher: Batcher | None = None
        self._model: LlamaModel | None = None

    def run(self) -> int:
        """Serve until the app ends this process.

        Returns:
            The exit status when the model can't be loaded, or was not meant to be.
        """
        self._channel.listen(self._receive)
        # Before anything is asked for: a worker that waits for its model has this behind it.
        load_binding().llama_backend_init()
        batcher = self._load()
        if batcher is not None:
            batcher.run(self._tokenised)
        return 1

    def _load(self) -> Batcher | None:
        """Load the model that the first request names; None when there is nothing to serve."""
        job = self._arrived.get()
        load = job.message
        if not isinstance(load, Load):
            raise protocol.ProtocolError(f"a {type(load).__name__} before the Load")
        if load.dry_run:
            self._answer(job, _plan(load))
            return None
        try:
            model = LlamaModel(load, _ProgressReport(self._channel, job))
            batcher = Batcher(model, load, self._answer, self._open)
        except LlamaError as error:
            self._answer(job, protocol.Refused(error.reason, error.detail))
            return None
        self._batcher, self._model = batcher, model
        threading.Thread(target=self._beat, args=(batcher,), name="heartbeat", daemon=True).start()
        threading.Thread(target=self._tokenise, args=(model,), name="tokenise", daemon=True).start()
        found = [text for text in load.sought if model.special_token(text) is not None]
        self._answer(
            job,
            protocol.Loaded(
                batcher.context_length, batcher.threads, offloads=model.offloads, found=found
            ),
        )
        return batcher

    def _receive(self, message: Message, request: int) -> None:
        if isinstance(message, protocol.Cancel):
            if job := self._jobs.get(request):
                job.cancelled = True
                if self._batcher is not None:
                    self._batcher.interrupt(job)
            return
        job = Job(request, message)
        self._jobs[request] = job
        model = self._model
        if model is not None and isinstance(message, Generate) and len(message.prompt) <= SHORT:
            job.tokens = model.tokenise(message.prompt, special=message.special)
            self._tokenised.put(job)
        else:
            self._arrived.put(job)

    def _answer(self, job: Job, message: Message) -> None:
        """Send a request's last message."""
        del self._jobs[job.request]
        self._channel.send(message, job.request)

    def _open(self, job: Job, text: AnswerText) -> TokenStream:
        return TokenStream(self._channel, job.request, text)

    def _tokenise(self, model: LlamaModel) -> NoReturn:
        """Prepare requests for the batcher, and answer those that are about tokens only."""
        try:
            while True:
                job = self._arrived.get()
                match job.message:
                    case protocol.Tokenise(text, special):
                        tokens = model.tokenise(text, special=special)
                        self._answer(job, protocol.Tokenised(tokens))
                    case protocol.Detokenise(tokens):
                        known = [token for token in tokens if model.knows(token)]
                        self._answer(job, protocol.Detokenised(model.detokenise(known)))
                    case Generate() as request if not job.cancelled:
                        job.tokens = model.tokenise(request.prompt, special=request.special)
                        self._tokenised.put(job)
                    case _:
                        self._tokenised.put(job)
        except BaseException:  # noqa: BLE001 - whatever it was, requests must not wait for ever
            crash()

    def _beat(self, batcher: Batcher) -> None:
        """Say once a second that the computation moves, if it does: a stuck one says nothing."""
        never = threading.Event()
        said = 0
        while not never.wait(HEARTBEAT_SECONDS):
            if batcher.steps != said:
                said = batcher.steps
                self._channel.send(protocol.Alive())


def _plan(load: Load) -> Message:
    # A load that is meant has no use for it.
    from app.worker.dry_run import plan  # noqa: PLC0415

    try:
        return plan(load)
    except LlamaError as error:
        return protocol.Refused(error.reason, error.detail)


class _ProgressReport:
    """Reports a load's progress a few times a second."""

    def __init__(self, channel: Channel, job: Job) -> None:
        self._channel = channel
        self._request = job.request
        self._next_ns = 0

    def __call__(self, fraction: float) -> None:
        now = time.monotonic_ns()
        if now >= self._next_ns or fraction >= 1:
            self._next_ns = now + PROGRESS_NS
            self._channel.send(protocol.Progress(fraction), self._request)
