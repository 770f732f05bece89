"""The engine: answers the app's requests with one llama.cpp model, in the order they come."""

import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue

from app.worker import protocol
from app.worker.answer import AnswerText
from app.worker.channel import Channel
from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Finish, Generate, Load, Message, Probe, Refusal

FLUSH_NS = 20_000_000
"""Tokens travel together for this long; the first one at once."""
PROGRESS_NS = 50_000_000
HEARTBEAT_SECONDS = 1.0


@dataclass(slots=True)
class Job:
    """One request, waiting or at work."""

    request: int
    message: Message
    cancelled: bool = False


class LlamaWorker:
    """Owns the model. The main thread computes; the channel's thread queues and cancels."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        self._jobs: dict[int, Job] = {}
        self._current: Job | None = None
        self._steps = 0
        """Counts what the computation has done, for the heartbeat."""

    def run(self) -> int:
        """Serve until the app ends this process.

        Returns:
            The exit status when the model can't be loaded.
        """
        self._channel.listen(self._receive)
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        job = self._waiting.get()
        if not isinstance(job.message, Load):
            raise protocol.ProtocolError(f"a {type(job.message).__name__} before the Load")
        try:
            model = LlamaModel(job.message, _ProgressReport(self._channel, job), self._step)
        except LlamaError as error:
            self._channel.send(protocol.Refused(error.reason, error.detail), job.request)
            return 1
        self._channel.send(protocol.Loaded(model.context_length), job.request)
        while True:
            self._serve(model, self._waiting.get())

    def _receive(self, message: Message, request: int) -> None:
        if isinstance(message, protocol.Cancel):
            if job := self._jobs.get(request):
                job.cancelled = True
            return
        job = Job(request, message)
        self._jobs[request] = job
        self._waiting.put(job)

    def _serve(self, model: LlamaModel, job: Job) -> None:
        self._current = job
        try:
            if isinstance(job.message, Generate):
                answer = self._generate(model, job, job.message)
            elif isinstance(job.message, Probe):
                model.probe()
                answer = protocol.Computed()
            else:
                raise protocol.ProtocolError(f"a {type(job.message).__name__} after the Load")
        except LlamaError as error:
            answer = protocol.Refused(error.reason, error.detail)
        self._current = None
        del self._jobs[job.request]
        self._channel.send(answer, job.request)

    def _generate(self, model: LlamaModel, job: Job, request: Generate) -> Message:
        if job.cancelled:
            return protocol.Done(Finish.CANCELLED, 0)
        tokens = model.tokenise(request.prompt, special=request.special)
        if not tokens:
            return protocol.Refused(Refusal.EMPTY)
        room = model.context_length - len(tokens)
        if room < 1:
            return protocol.Refused(
                Refusal.OVERFLOW,
                prompt_tokens=len(tokens),
                context_length=model.context_length,
            )
        model.clear()
        if not model.evaluate_prompt(tokens):
            return protocol.Done(Finish.CANCELLED, len(tokens))
        return protocol.Done(self._answer(model, job, request, room), len(tokens))

    def _answer(self, model: LlamaModel, job: Job, request: Generate, room: int) -> Finish:
        """Choose and stream tokens until something ends the answer."""
        stream = _TokenStream(self._channel, job.request, AnswerText(request.stop))
        left = min(room, request.max_tokens)
        with model.sampler(request) as choose:
            while not job.cancelled:
                token = choose()
                if not request.ignore_end and model.ends_answer(token):
                    return stream.end(Finish.END)
                left -= 1
                if stream.add(model.piece(token)):
                    return stream.end(Finish.STOP_SEQUENCE)
                if left <= 0:
                    return stream.end(Finish.LENGTH)
                model.evaluate(token)
        return stream.end(Finish.CANCELLED)

    def _step(self) -> bool:
        self._steps += 1
        return self._current is not None and self._current.cancelled

    def _beat(self) -> None:
        """Say once a second that the computation moves, if it does: a stuck one says nothing."""
        never = threading.Event()
        said = 0
        while not never.wait(HEARTBEAT_SECONDS):
            if self._steps != said:
                said = self._steps
                self._channel.send(protocol.Alive())


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


class _TokenStream:
    """Stamps tokens as they come and sends their text in batches."""

    def __init__(self, channel: Channel, request: int, text: AnswerText) -> None:
        self._channel = channel
        self._request = request
        self._assembled = text
        self._text = ""
        self._stamps: list[int] = []
        self._flushed_ns = 0

    def add(self, piece: bytes) -> bool:
        """Take one token; True when a stop sequence is complete."""
        now = time.monotonic_ns()
        self._stamps.append(now)
        self._text += self._assembled.feed(piece)
        if now - self._flushed_ns >= FLUSH_NS:
            self._flush()
            self._flushed_ns = now
        return self._assembled.stopped

    def end(self, finish: Finish) -> Finish:
        """Send what is left of the answer."""
        self._text += self._assembled.rest()
        if self._text or self._stamps:
            self._flush()
        return finish

    def _flush(self) -> None:
        self._channel.send(protocol.Tokens(self._text, self._stamps), self._request)
        self._text, self._stamps = "", []
