"""Profiling: short real runs of fixed length, shown live and kept."""

import itertools
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from app.domain.errors import AppError, RequestError
from app.domain.events import ProfilingCompleted, ProfilingProgressed, ProfilingStarted
from app.domain.generation import FinishReason, GenerationEnd, GenerationRequest, GenerationStats
from app.domain.load_settings import LoadWish
from app.domain.models import ModelId
from app.domain.profiles import ProfileProgress, ProfileRun, ProfileRunId, RequestProfile
from app.domain.settings import Settings
from app.manager.background_profiling import BackgroundProfiling
from app.manager.events import EventBus
from app.manager.instances import Lease
from app.manager.metrics import Metrics
from app.manager.models import Models
from app.ports.stores import ProfileStore

REQUESTS, COUNT, MOST = 5, 10, 1_000
"""Requests of a run shown live, of one that is asked for, and of any run at most."""
OWNER = "Profile"
TOKENS = 64
TEXT = "Describe how a river shapes the land it flows through, from its spring to the sea."


class ProfileStream:
    """A run under way: iterate for its progress; `result` is set when it has ended."""

    def __init__(self, lease: Lease, requests: int, metrics: Metrics, events: EventBus) -> None:
        self._lease = lease
        self._metrics = metrics
        self._requests = requests
        self._events = events
        self._started = time.time()
        self.result: ProfileRun | None = None

    async def __aiter__(self) -> AsyncGenerator[ProfileProgress, None]:
        done: list[RequestProfile] = []
        # The first request is a warm-up: it pays for pages and caches that later ones find.
        for number in range(self._requests + 1):
            async with aclosing(self._request(number)) as steps:
                async for step in steps:
                    if step.done is not None:
                        done.append(step.done)
                    yield step
            self._events.publish(
                ProfilingProgressed(
                    model_id=self._lease.spec.id, request=number, requests=self._requests
                )
            )
        self.result = ProfileRun(
            id=ProfileRunId(uuid.uuid4().hex),
            model_id=self._lease.spec.id,
            model_name=self._lease.spec.name,
            started_at=self._started,
            context_length=self._lease.engine.context_length,
            requests=tuple(done),
        )

    async def _request(self, number: int) -> AsyncGenerator[ProfileProgress, None]:
        # Each prompt starts differently, so that no cached prefix flatters the first token.
        request = GenerationRequest(prompt=f"[{number}] {TEXT}", max_tokens=TOKENS, ignore_end=True)
        stamps: list[int] = []
        stats: GenerationStats | None = None
        finish: FinishReason | None = FinishReason.CANCELLED
        try:
            async with aclosing(self._lease.engine.generate(request)) as updates:
                async for update in updates:
                    if isinstance(update, GenerationEnd):
                        stats, finish = update.stats, update.stats.finish
                        continue
                    gaps = _gaps([*stamps[-1:], *update.stamps_ns])
                    stamps.extend(update.stamps_ns)
                    yield ProfileProgress(
                        request=number, requests=self._requests, token_seconds=gaps
                    )
        except AppError as error:
            finish = None if isinstance(error, RequestError) else FinishReason.FAILED
            raise
        finally:
            if finish is not None:
                await self._metrics.record_use(self._lease.spec.id, finish)
        if number == 0:
            return
        yield ProfileProgress(
            request=number, requests=self._requests, done=_request_profile(stats, stamps)
        )


class Profiles:
    """Owns the kept runs, and measures new models in the background where that is wanted."""

    def __init__(
        self,
        store: ProfileStore,
        models: Models,
        metrics: Metrics,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._store = store
        self._models = models
        self._metrics = metrics
        self._events = events
        self._runs: dict[ProfileRunId, ProfileRun] = {}
        self._background = BackgroundProfiling(self, models, events, settings)

    async def start(self) -> None:
        """Read what is kept."""
        self._runs = {run.id: run for run in await self._store.runs()}
        self._background.start()

    async def aclose(self) -> None:
        """End what is measured in the background."""
        await self._background.aclose()

    def runs(self) -> tuple[ProfileRun, ...]:
        """All kept runs, the newest first."""
        return tuple(sorted(self._runs.values(), key=lambda run: run.started_at, reverse=True))

    async def profile(
        self, model_id: ModelId, count: int = COUNT, *, owner: str = OWNER
    ) -> ProfileRun:
        """Measure a model and return when that is done; cancelling it keeps nothing.

        Args:
            model_id: the model.
            count: how many requests, 1 to 1,000; a warm-up comes before them.
            owner: who measures, by name.

        Raises:
            ModelError: it can't be loaded, or its process ended.
            RequestError: the count can't be taken, or its context is too short for a run.
        """
        async with (
            self.run(model_id, requests=count, owner=owner) as stream,
            aclosing(aiter(stream)) as steps,
        ):
            async for _ in steps:
                pass
        assert stream.result is not None, "a stream that was read to its end has a result"
        return stream.result

    @asynccontextmanager
    async def run(
        self, model_id: ModelId, *, requests: int = REQUESTS, owner: str = OWNER
    ) -> AsyncIterator[ProfileStream]:
        """Measure a model, loading it when needed; leaving early ends the run and keeps nothing.

        Raises:
            ModelError: it can't be loaded, or its process ended.
            RequestError: the count can't be taken, or its context is too short for a run.
        """
        if not 1 <= requests <= MOST:
            raise RequestError(
                f"A model can't be measured with {requests} requests.",
                f"Choose a number from 1 to {MOST:,}.",
            )
        kept: ProfileRunId | None = None
        async with self._models.lease(model_id, owner, LoadWish()) as lease:
            stream = ProfileStream(lease, requests, self._metrics, self._events)
            # An alias was resolved by the lease.
            model_id = lease.spec.id
            self._events.publish(ProfilingStarted(model_id=model_id, requests=requests))
            try:
                yield stream
                if stream.result is not None:
                    await self._store.save_run(stream.result)
                    kept = stream.result.id
                    self._runs[kept] = stream.result
            finally:
                self._events.publish(ProfilingCompleted(model_id=model_id, run_id=kept))

    async def delete(self, run_id: ProfileRunId) -> None:
        """Forget a run; an unknown one is ignored."""
        run = self._runs.pop(run_id, None)
        if run is not None:
            await self._store.forget_run(run)


def _gaps(stamps_ns: list[int]) -> tuple[float, ...]:
    return tuple((b - a) / 1e9 for a, b in itertools.pairwise(stamps_ns))


def _request_profile(stats: GenerationStats | None, stamps_ns: list[int]) -> RequestProfile:
    if stats is None or stats.time_to_first_token is None or stats.tokens_per_second is None:
        raise RequestError(
            "The model wrote too little to measure.",
            "Load it with a longer context and profile it again.",
        )
    return RequestProfile(
        prompt_tokens=stats.prompt_tokens,
        time_to_first_token=stats.time_to_first_token,
        tokens_per_second=stats.tokens_per_second,
        token_seconds=_gaps(stamps_ns),
    )
