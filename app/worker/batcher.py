"""Computes several requests side by side, each in a slot of the model's memory."""

import itertools
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NoReturn

from app.worker import protocol
from app.worker.answer import AnswerText
from app.worker.llama_context import LlamaContext
from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Finish, Generate, Load, Message, Refusal
from app.worker.samplers import Sampler
from app.worker.schedule import SHORTEST, Pace, Waiting, chunk_for, plan
from app.worker.slots import Answer, Job, Slot, place
from app.worker.threads import ThreadCount
from app.worker.token_stream import TokenStream

IDLE_SECONDS = 0.2
"""A pause in which nobody is likely to miss the time that more memory takes."""


class Batcher:
    """Owns the context and its slots; everything but `interrupt` belongs to one thread.

    A request takes a slot in the order of arrival and keeps it until it is answered. What a slot
    held stays in it, for the conversation's next turn.
    """

    def __init__(
        self,
        model: LlamaModel,
        load: Load,
        answer: Callable[[Job, Message], None],
        stream: Callable[[Job, AnswerText], TokenStream],
    ) -> None:
        """Make the context.

        Args:
            model: what computes.
            load: how it was loaded.
            answer: sends the last message to a request.
            stream: opens the way for an answer's text.

        Raises:
            LlamaError: llama.cpp can't make the context.
        """
        self.steps = 0
        """Counts what the computation has done, for the heartbeat."""
        self._model = model
        self._context = LlamaContext(model, load, self._count)
        self._answer = answer
        self._stream = stream
        self._threads = ThreadCount(load.threads, load.cores, self._context.abort)
        self._batch_threads = load.batch_threads
        self._slots = [Slot(number) for number in range(1 if load.embedding else load.slots)]
        self._active: list[Slot] = []
        self._waiting: deque[Job] = deque()
        self._arrivals = itertools.count(1)
        self._computing: tuple[Job, ...] = ()
        self._pace = Pace()
        self._prompt_speed: float | None = None

    @property
    def context_length(self) -> int:
        """Tokens of one conversation."""
        return self._context.limit

    @property
    def threads(self) -> int:
        """Threads in force."""
        return self._threads.now

    def interrupt(self, job: Job) -> None:
        """Give a request up, also in the middle of its computing; from any thread."""
        job.cancelled = True
        if job in self._computing:
            self._context.abort()

    def run(self, jobs: SimpleQueue[Job]) -> NoReturn:
        """Serve requests until the process ends."""
        while True:
            if not self._active and not self._waiting:
                self._waiting.append(self._next(jobs))
            while not jobs.empty():
                self._waiting.append(jobs.get())
            if self._waiting:
                self._admit()
            if self._active:
                self._step()

    def _next(self, jobs: SimpleQueue[Job]) -> Job:
        """Wait for a request, and use a pause to prepare for longer ones."""
        if self._context.cells < self._context.limit:
            try:
                return jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                self._grow()
        return jobs.get()

    def _count(self) -> None:
        self.steps += 1

    def _admit(self) -> None:
        """Answer requests that were given up while they waited, and begin those that fit."""
        for job in [job for job in self._waiting if job.cancelled]:
            self._waiting.remove(job)
            self._answer(job, protocol.Done(Finish.CANCELLED, 0))
        while self._waiting and len(self._active) < len(self._slots):
            job = self._waiting.popleft()
            try:
                self._begin(job)
            except LlamaError as error:
                self._answer(job, protocol.Refused(error.reason, error.detail))

    def _begin(self, job: Job) -> None:
        match job.message:
            case Generate() as request:
                self._begin_answer(job, request)
            case protocol.Probe():
                slot = min(self._free(), key=lambda slot: slot.used)
                self._empty(slot)
                # llama.cpp's own choice may be more threads than there are cores.
                self._set_threads()
                self._context.probe(slot.number)
                self._answer(job, protocol.Computed())
            case protocol.Embed(texts):
                self._answer(job, self._embed(job, texts))
            case message:
                raise protocol.ProtocolError(f"a {type(message).__name__} after the Load")

    def _begin_answer(self, job: Job, request: Generate) -> None:
        count, limit = len(job.tokens), self._context.limit
        if not count:
            self._answer(job, protocol.Refused(Refusal.EMPTY))
            return
        if count >= limit:
            overflow = protocol.Refused(Refusal.OVERFLOW, prompt_tokens=count, context_length=limit)
            self._answer(job, overflow)
            return
        slot, tokens, common = place(self._free(), job, request, self._model, limit)
        if len(tokens) > self._context.cells:
            self._grow()
        sampler = Sampler(self._model, self._context, request, tokens)
        slot.computed = self._context.keep(slot.number, common, slot.computed)
        slot.tokens, slot.text = list(tokens), b""
        slot.used = next(self._arrivals)
        slot.answer = Answer(
            job=job,
            arrival=slot.used,
            sampler=sampler,
            stream=self._stream(job, AnswerText(request.stop)),
            prompt=request.prompt.encode(errors="replace"),
            prompt_tokens=len(tokens),
            cached_tokens=slot.computed,
            left=min(limit - len(tokens), request.max_tokens),
            ignore_end=request.ignore_end,
            written={
                token: text.encode()
                for text in request.written
                if (token := self._model.special_token(text)) is not None
            },
        )
        self._active = sorted([*self._active, slot], key=lambda slot: slot.number)

    def _embed(self, job: Job, texts: list[str]) -> Message:
        vectors = []
        limit = min(self._context.batch, self._context.limit)
        self._set_threads()
        for text in texts:
            if job.cancelled:
                return protocol.Done(Finish.CANCELLED, 0)
            tokens = self._model.tokenise_embedded(text)
            if not tokens:
                return protocol.Refused(Refusal.EMPTY)
            if len(tokens) > limit:
                return protocol.Refused(
                    Refusal.OVERFLOW, prompt_tokens=len(tokens), context_length=limit
                )
            vectors.append(self._context.embed(tokens))
            self._count()
        return protocol.Embedded(vectors)

    def _step(self) -> None:
        for slot in self._active:
            answer = slot.answer
            if answer is not None and answer.job.cancelled:
                self._finish(slot, Finish.CANCELLED)
                return
        longest = max(len(slot.tokens) for slot in self._active)
        if longest > self._context.cells:
            self._grow()
        self._set_threads()
        step = plan(
            [
                Waiting(slot.number, len(slot.tokens) - slot.computed, slot.used)
                for slot in self._active
            ],
            batch=self._context.batch,
            micro_batch=self._context.micro_batch,
            chunk=chunk_for(self._prompt_speed),
        )
        if step.streams:
            self._advance_streams(step.streams)
        if step.prompt is not None:
            self._advance_prompt(self._slots[step.prompt], step.part)

    def _advance_streams(self, numbers: tuple[int, ...]) -> None:
        count = len(numbers)
        if count == 1:
            self._advance(numbers)
            return
        batched = self._pace.batched(count)
        began = time.monotonic()
        groups = [numbers] if batched else [(number,) for number in numbers]
        if all(self._advance(group) for group in groups):
            self._pace.note(count, batched, time.monotonic() - began)

    def _advance(self, numbers: tuple[int, ...]) -> bool:
        """Compute and choose one token in each of these slots; False when it was aborted."""
        slots = [self._slots[number] for number in numbers]
        if not self._start(slots):
            return False
        if all(self._context.can_repeat(number) for number in numbers):
            self._threads.begin_step()
        try:
            done = self._context.compute_streams(
                numbers,
                [slot.tokens[slot.computed] for slot in slots],
                [slot.computed for slot in slots],
            )
        except LlamaError as error:
            for slot in slots:
                self._fail(slot, error)
            return False
        finally:
            self._threads.end_step()
        if not done:
            # One request's end undoes the step of all, as does a change of threads in its middle.
            for slot in slots:
                slot.computed = self._context.keep(slot.number, slot.computed, slot.computed + 1)
            return False
        self.steps += 1
        for index, slot in enumerate(slots):
            slot.computed += 1
            self._extend(slot, index)
        return True

    def _advance_prompt(self, slot: Slot, part: int) -> None:
        """Compute a part of a prompt, and choose the first token when it is the last part."""
        for other in self._active:
            if other.answer is not None:
                other.answer.stream.flush()
        if not self._start([slot]):
            return
        start, end = slot.computed, slot.computed + part
        last = end == len(slot.tokens)
        began = time.monotonic()
        try:
            done = self._context.compute_prompt(
                slot.number, slot.tokens[start:end], start, last=last
            )
        except LlamaError as error:
            self._fail(slot, error)
            return
        if not done:
            slot.computed = self._context.keep(slot.number, start, end)
            return
        if part >= SHORTEST:
            self._prompt_speed = part / max(1e-9, time.monotonic() - began)
        slot.computed = end
        if last:
            self._extend(slot, part - 1)

    def _start(self, slots: list[Slot]) -> bool:
        """Open a computation to `interrupt`; False when one of its requests is given up by now."""
        jobs = tuple([slot.answer.job for slot in slots if slot.answer is not None])
        # In this order: whoever gives up from here on finds the job and aborts.
        self._context.arm()
        self._computing = jobs
        return not any(job.cancelled for job in jobs)

    def _extend(self, slot: Slot, index: int) -> None:
        """Choose a slot's next token from the result at this place of the batch."""
        answer = slot.answer
        if answer is None:
            return
        try:
            token = answer.sampler.choose(index)
        except LlamaError as error:
            self._fail(slot, error)
            return
        if not answer.ignore_end and self._model.ends_answer(token):
            self._finish(slot, Finish.END)
            return
        slot.tokens.append(token)
        piece = answer.written.get(token) or self._model.piece(token)
        answer.pieces.append(piece)
        answer.left -= 1
        if answer.stream.add(piece):
            self._finish(slot, Finish.STOP_SEQUENCE)
        elif answer.left <= 0:
            self._finish(slot, Finish.LENGTH)

    def _finish(self, slot: Slot, finish: Finish) -> None:
        answer = self._release(slot)
        answer.stream.end()
        if slot.computed < answer.prompt_tokens:
            del slot.tokens[slot.computed :]
        else:
            slot.text = answer.prompt + b"".join(answer.pieces)
        done = protocol.Done(finish, answer.prompt_tokens, answer.cached_tokens, self._threads.now)
        self._answer(answer.job, done)

    def _fail(self, slot: Slot, error: LlamaError) -> None:
        answer = self._release(slot)
        answer.stream.end()
        self._empty(slot)
        self._answer(answer.job, protocol.Refused(error.reason, error.detail))

    def _release(self, slot: Slot) -> Answer:
        answer, slot.answer = slot.answer, None
        if answer is None:
            raise RuntimeError("the slot holds no request")
        self._active = [other for other in self._active if other is not slot]
        answer.sampler.free()
        return answer

    def _free(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.answer is None]

    def _grow(self) -> None:
        """Make the memory as large as it may become; what isn't taken along is computed again."""
        kept = self._context.grow([slot.number for slot in self._slots if slot.computed])
        for slot in self._slots:
            if slot.number not in kept:
                slot.computed = 0
        self._count()

    def _empty(self, slot: Slot) -> None:
        self._context.keep(slot.number, 0, len(slot.tokens) + 1)
        slot.forget()

    def _set_threads(self) -> None:
        now = self._threads.now
        self._context.use_threads(now, self._batch_threads or now)
