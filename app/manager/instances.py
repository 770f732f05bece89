"""The instances of models and the leases on them, as the coordinator's own records."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from app.domain.chat_templates import ThinkingSwitch
from app.domain.error_reports import ErrorReport, report_of
from app.domain.errors import AppError
from app.domain.instances import ENDED, InstanceState, InstanceView, LeaseView
from app.domain.load_settings import LoadSettings, LoadWish
from app.domain.models import ModelId, ModelSpec
from app.ports.engines import Engine


class Lease:
    """Somebody uses an instance. It is held until released; releasing twice is harmless."""

    def __init__(
        self, instance: "Instance", owner: str, release: Callable[["Lease"], None]
    ) -> None:
        self._instance = instance
        self._release = release
        self.view = LeaseView(owner=owner, since=time.time())

    @property
    def spec(self) -> ModelSpec:
        """The model that is used."""
        return self._instance.spec

    @property
    def settings(self) -> LoadSettings:
        """How it was loaded."""
        return self._instance.settings

    @property
    def engine(self) -> Engine:
        """The loaded model."""
        engine = self._instance.engine
        assert engine is not None, "a lease is only given on a READY instance"
        return engine

    @property
    def lasting(self) -> bool:
        """Whether others may use the instance too; one that crashed or is to leave takes nobody."""
        return self._instance.state is InstanceState.READY

    def release(self) -> None:
        """Give the instance back."""
        self._release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Instance:
    """One load of one model, from QUEUED to its end. Only the coordinator changes it."""

    def __init__(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        generation: int,
        wish: LoadWish,
        idle_limit: Callable[["Instance"], float | None],
    ) -> None:
        self.spec = spec
        self.settings = settings
        self.wish = wish
        self._idle_limit = idle_limit
        self.plentiful = False
        """There is much more memory than it is predicted to take."""
        self.generation = generation
        self.state = InstanceState.QUEUED
        self.progress: float | None = None
        self.leases: list[Lease] = []
        self.predicted = 0
        self.measured: int | None = None
        self.loaded_at: float | None = None
        self.load_seconds: float | None = None
        self.error: AppError | None = None
        self.engine: Engine | None = None
        self.thinking: ThinkingSwitch | None = None
        self.bringing_up: asyncio.Task[None] | None = None
        self.begun = False
        """The loading task has taken its first step, so that it cleans up when it is cancelled."""
        self.turn: asyncio.Future[None] | None = None
        """Done when there is room for it, or none to be had."""
        self.queued_at = 0.0
        """When it began to wait for room, by the loop's clock."""
        self.used_at = 0.0
        """When it was last given back, by the loop's clock."""
        self.released_at = 0.0
        """The same in seconds since the epoch."""
        self.spared: ModelId | None = None
        """A model that isn't to leave for it."""
        self.priority = wish.priority
        self.pinned = False
        self.reason = ""
        """What it waits for, or why it leaves."""
        self.evicted_for: ModelId | None = None
        self.evicted = False
        self.failing = False
        """The load has failed and its process is being reaped; there is nothing to cancel."""
        self.waiters: dict[asyncio.Future[Lease], str] = {}
        """Those who wait for READY, each with a future of its own, and their names."""
        self.unused = asyncio.Event()
        """Set while nobody holds a lease."""
        self.ended = asyncio.Event()
        self.unused.set()

    def rest(self) -> None:
        """Nobody uses it from now on."""
        self.used_at = asyncio.get_running_loop().time()
        self.released_at = time.time()

    def _context_length(self) -> int | None:
        if self.engine is None:
            return None
        # A provider that doesn't say how much it takes has no figure to show.
        remote = self.spec.remote is not None
        return self.spec.context_length if remote else self.engine.context_length

    @property
    def idle(self) -> bool:
        """Whether it is loaded and nobody uses it."""
        return self.state is InstanceState.READY and not self.leases

    @property
    def charged(self) -> int:
        """The bytes that the ledger holds for it."""
        return 0 if self.state in ENDED else max(self.predicted, self.measured or 0)

    def view(self) -> InstanceView:
        """This instance at this moment."""
        limit = self._idle_limit(self) if self.idle else None
        report: ErrorReport | None = report_of(self.error) if self.error is not None else None
        return InstanceView(
            model_id=self.spec.id,
            generation=self.generation,
            state=self.state,
            progress=self.progress,
            leases=tuple(lease.view for lease in self.leases),
            memory_predicted=self.predicted,
            memory_measured=self.measured,
            settings=self.settings,
            context_length=self._context_length(),
            template=self.engine.template if self.engine is not None else None,
            thinking=self.thinking,
            threads=self.engine.threads if self.engine is not None else None,
            loaded_at=self.loaded_at,
            load_seconds=self.load_seconds,
            anyway=self.wish.anyway,
            error=report,
            reason=self.reason,
            pinned=self.pinned,
            unloads_at=None if limit is None else self.released_at + limit,
        )
