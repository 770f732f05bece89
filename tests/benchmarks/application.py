"""The app's side of an arm: the same wiring as the program's, and what arrives in its process."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.bootstrap.core import open_manager
from app.domain.generation import (
    ChatMessage,
    GenerationEnd,
    GenerationRequest,
    GenerationStats,
    Role,
    Sampling,
    TextPiece,
)
from app.domain.load_settings import LoadSettings
from app.library.discovery import LocalModelFiles
from app.manager.manager import Manager
from app.ports.engines import Engine
from app.providers.llama_cpp import LlamaCppProvider
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses
from tests.benchmarks.witness.sitecustomize import RECORD

GREEDY = Sampling(temperature=0)
REST_SECONDS = 2.5


@dataclass
class Received:
    """One answer as the app's process saw it; times in monotonic nanoseconds."""

    submitted_ns: int
    arrivals_ns: list[int] = field(default_factory=list)
    """When each piece came."""
    counts: list[int] = field(default_factory=list)
    """How many tokens each piece stood for."""
    stamps_ns: list[int] = field(default_factory=list)
    """When the worker chose each token."""
    text: str = ""
    stats: GenerationStats | None = None

    @property
    def first_seconds(self) -> float:
        """From submission to the arrival of the first token."""
        return (self.arrivals_ns[0] - self.submitted_ns) / 1e9

    @property
    def rate(self) -> float:
        """Tokens a second that arrived after the first piece."""
        return sum(self.counts[1:]) / ((self.arrivals_ns[-1] - self.arrivals_ns[0]) / 1e9)

    def longest_gap(self, since_ns: int = 0, until_ns: int | None = None) -> float:
        """Seconds between two arrivals, the longest that touches this span of time."""
        pairs = zip(self.arrivals_ns, self.arrivals_ns[1:], strict=False)
        gaps = (
            after - before
            for before, after in pairs
            if after >= since_ns and (until_ns is None or before <= until_ns)
        )
        return max(gaps, default=0) / 1e9


@dataclass(frozen=True)
class Decode:
    """One computation in a worker."""

    start_ns: int
    end_ns: int
    tokens: int
    status: int


class Witness:
    """What the workers of this process have computed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def decodes(self, since_ns: int = 0) -> list[Decode]:
        """Computations that ended after a time, the oldest first."""
        data = b"".join(path.read_bytes() for path in self._folder.glob("decodes-*"))
        whole = len(data) - len(data) % RECORD.size
        decodes = (Decode(*fields) for fields in RECORD.iter_unpack(data[:whole]))
        return sorted(
            (decode for decode in decodes if decode.end_ns >= since_ns),
            key=lambda decode: decode.start_ns,
        )


@contextmanager
def witnessed() -> Iterator[Witness]:
    """Have every worker that starts meanwhile note its computations."""
    before = os.environ.get("PYTHONPATH", "")
    with tempfile.TemporaryDirectory(prefix="modelyard-witness-") as folder:
        shutil.copy(Path(__file__).parent / "witness" / "sitecustomize.py", folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, before)))
        try:
            yield Witness(Path(folder))
        finally:
            os.environ["PYTHONPATH"] = before


@asynccontextmanager
async def loaded(
    path: str, threads: int | None = None, context: int = 2048
) -> AsyncIterator[Engine]:
    """A model loaded as the app loads it, warm; `threads` None is the automatic choice."""
    (spec,) = (await LocalModelFiles().read(path)).specs
    workers = WorkerProcesses()
    templates = TemplateProcess(workers)
    try:
        provider = LlamaCppProvider(workers, templates)
        settings = LoadSettings(threads=threads, context_length=context)
        engine: Engine = await provider.load(spec, settings, lambda _: None, plentiful=True)
        try:
            await engine.probe()
            # A model takes most of its memory in the first pause after its load; 600M take a second for it.
            await asyncio.sleep(REST_SECONDS)
            yield engine
        finally:
            await engine.close()
    finally:
        await templates.aclose()
        await workers.aclose()


@asynccontextmanager
async def managed() -> AsyncIterator[Manager]:
    """The whole program but its window, over a state that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="modelyard-benchmark-") as folder:
        async with open_manager(Path(folder) / "state.db", {}) as manager:
            manager.models.warm()
            yield manager


async def receive(
    engine: Engine,
    request: GenerationRequest,
    *,
    seconds: float | None = None,
    into: Received | None = None,
) -> Received:
    """Take an answer in; `seconds` after its first token it is given up."""
    received = into or Received(0)
    received.submitted_ns = time.monotonic_ns()
    async with aclosing(engine.generate(request)) as updates:
        async for update in updates:
            match update:
                case TextPiece():
                    now = time.monotonic_ns()
                    received.arrivals_ns.append(now)
                    received.counts.append(len(update.stamps_ns))
                    received.stamps_ns += update.stamps_ns
                    received.text += update.text
                    if seconds is not None and now - received.arrivals_ns[0] > seconds * 1e9:
                        break
                case GenerationEnd():
                    received.stats = update.stats
    return received


def completion(prompt: str, tokens: int) -> GenerationRequest:
    """A plain prompt with a greedy answer of a fixed length."""
    return GenerationRequest(prompt=prompt, sampling=GREEDY, max_tokens=tokens, ignore_end=True)


def chat(tokens: int, *texts: str) -> GenerationRequest:
    """Turns, the user's first, with a greedy answer of a fixed length."""
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(
        ChatMessage(role=roles[index % 2], text=text) for index, text in enumerate(texts)
    )
    return GenerationRequest(messages=messages, sampling=GREEDY, max_tokens=tokens, ignore_end=True)
