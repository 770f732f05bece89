"""Local GGUF files, each loaded by llama.cpp in a process of its own."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from app.domain.errors import AppError, InvalidFile, LoadStalled, MissingFile, WorkerCrashed
from app.domain.load_checks import check_settings
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.memory import BATCH, DEFAULT_SLOTS, MICRO_BATCH, context_for
from app.domain.memory_plans import (
    HOST,
    PROCESS_BYTES,
    TOKEN_BYTES,
    MemoryLine,
    MemoryPart,
    MemoryPlan,
    PlanSource,
)
from app.domain.models import ModelSpec
from app.gguf.checks import check_model
from app.gguf.header import HeaderError
from app.gguf.reader import read_header, read_special_tokens
from app.ports.engines import TemplateRenderer
from app.ports.processes import Child, Children
from app.providers import failures
from app.providers.chat_formats import SOUGHT, ChatFormat, completed
from app.providers.llama_engine import Deadlines, LlamaEngine
from app.providers.worker_link import WorkerEnded, WorkerLink, WorkerSilent
from app.tasks import in_daemon_thread
from app.worker import protocol


class LlamaCppProvider:
    """Loads the models of the account "local"."""

    def __init__(
        self,
        children: Children,
        renderer: TemplateRenderer,
        deadlines: Deadlines | None = None,
        *,
        cores: int | None = None,
    ) -> None:
        """Prepare without starting anything.

        Args:
            children: what starts the workers.
            renderer: what makes prompts of conversations.
            deadlines: how long a worker may be silent.
            cores: processor cores to share; None leaves it to the worker to count them.
        """
        self._children = children
        self._renderer = renderer
        self._deadlines = deadlines or Deadlines()
        self._cores = cores
        self._warm = False
        self._offloads: bool | None = None

    @property
    def offloads(self) -> bool | None:
        """Whether this build of llama.cpp computes on GPUs; None until a model has been loaded."""
        return self._offloads

    def warm(self) -> None:
        """Keep a worker without a model ready: a load is done in two thirds of the time."""
        self._warm = True
        self._children.warm("llama")

    async def load(
        self,
        spec: ModelSpec,
        settings: LoadSettings,
        on_progress: Callable[[float], None],
        *,
        plentiful: bool = False,
    ) -> LlamaEngine:
        """Load a model; `on_progress` gets 0 to 1.

        A cancelled load returns (by CancelledError) after its process is reaped.

        Args:
            spec: the model.
            settings: how.
            on_progress: told of the progress.
            plentiful: whether most of what conversations need may be allocated after the load,
                which is then done in half the time.

        Raises:
            MissingFile: the file is gone.
            InvalidFile: it is broken, or llama.cpp can't run it.
            DoesNotFit: an allocation failed.
            SettingError: a setting can't be taken.
            LoadStalled: it made no progress for too long.
            WorkerCrashed: its process didn't start, or ended for a reason outside the file.
        """
        embedding = spec.embeds_only
        check_settings(spec, settings, self._cores or os.cpu_count() or 1)
        request = load_request(spec, settings, embedding=embedding, cores=self._cores)._replace(
            later=plentiful
        )
        # Beside the worker, which reads the same header in its own way.
        reading = in_daemon_thread(read_chat_format, spec)
        link = WorkerLink(await self._start(spec.name))
        reading.add_done_callback(lambda read: _kill_if_failed(read, link))
        try:
            loaded = await self._loaded(spec.name, link, request, on_progress)
            assert isinstance(loaded, protocol.Loaded), "no dry run was asked for"
            chat = await reading
        except AppError:
            await link.close(grace=0)
            # What is wrong with the header says more than what llama.cpp made of it.
            await reading
            raise
        except BaseException:
            await link.close(grace=0)
            raise
        finally:
            if self._warm:
                self._children.warm("llama")
        self._offloads = loaded.offloads
        if not embedding:
            chat = completed(chat, loaded.found)
        if chat.template is not None:
            self._renderer.warm()
        return LlamaEngine(
            spec.name,
            link,
            self._renderer,
            chat,
            self._deadlines,
            loaded=loaded,
            embedding=embedding,
            seed=settings.seed,
            trained=spec.context_length,
        )

    async def plan_memory(self, spec: ModelSpec, settings: LoadSettings) -> MemoryPlan:
        """What a model would take, said by llama.cpp in a process that allocates nothing.

        Raises:
            ModelError: it can't be loaded; nothing is left running.
            SettingError: a setting can't be taken.
        """
        check_settings(spec, settings, self._cores or os.cpu_count() or 1)
        request = load_request(spec, settings, embedding=spec.embeds_only, cores=self._cores)
        link = WorkerLink(await self._start(spec.name))
        try:
            planned = await self._loaded(
                spec.name, link, request._replace(dry_run=True), lambda _: None
            )
            assert isinstance(planned, protocol.Planned), "a dry run was asked for"
        finally:
            await link.close(grace=0)
            if self._warm:
                self._children.warm("llama")
        return memory_plan(spec, planned)

    async def _start(self, name: str) -> Child:
        try:
            return await self._children.start("llama")
        except OSError as error:
            raise WorkerCrashed(
                f"The process for {name} can't be started.",
                "Close other programs, then try again.",
                str(error),
            ) from error

    async def _loaded(
        self,
        name: str,
        link: WorkerLink,
        request: protocol.Load,
        on_progress: Callable[[float], None],
    ) -> protocol.Loaded | protocol.Planned:
        with link.ask(request) as answers:
            while True:
                try:
                    answer = await answers.next(self._deadlines.load)
                except WorkerSilent as error:
                    raise LoadStalled(
                        f"Loading {name} made no progress for {self._deadlines.load:g} seconds.",
                        "Check the drive that it lies on, then try again.",
                    ) from error
                except WorkerEnded as error:
                    raise failures.crash_while_loading(name, await link.ended()) from error
                match answer:
                    case protocol.Progress(fraction):
                        on_progress(fraction)
                    case protocol.Refused() as refused:
                        raise failures.refused_load(name, refused)
                    case protocol.Loaded() | protocol.Planned() as loaded:
                        return loaded


def _kill_if_failed(reading: asyncio.Future[ChatFormat], link: WorkerLink) -> None:
    if not reading.cancelled() and reading.exception() is not None:
        link.kill()


def load_request(
    spec: ModelSpec, settings: LoadSettings, *, embedding: bool, cores: int | None
) -> protocol.Load:
    """The settings as the worker takes them, the app's choices filled in."""
    return protocol.Load(
        path=spec.path,
        context_length=context_for(spec, settings),
        threads=settings.threads,
        embedding=embedding,
        slots=settings.slots or DEFAULT_SLOTS,
        batch=settings.batch or BATCH,
        micro_batch=settings.micro_batch or MICRO_BATCH,
        batch_threads=settings.batch_threads,
        cores=cores,
        flash_attention=settings.flash_attention,
        cache_type_k=settings.cache_type_k or CacheType.F16,
        cache_type_v=settings.cache_type_v or CacheType.F16,
        gpu_layers=settings.gpu_layers,
        main_gpu=settings.main_gpu,
        tensor_split=list(settings.tensor_split),
        mmap=settings.mmap,
        mlock=settings.mlock,
        rope_scaling=settings.rope_scaling,
        rope_base=settings.rope_base,
        rope_scale=settings.rope_scale,
        adapters=[(adapter.path, adapter.scale) for adapter in settings.adapters],
        pooling=settings.pooling,
        sought=[] if embedding else list(SOUGHT),
    )


def memory_plan(spec: ModelSpec, planned: protocol.Planned) -> MemoryPlan:
    """A dry run's sizes, the worker's own memory added."""
    vocabulary = spec.shape.vocabulary if spec.shape is not None else 0
    lines = [
        MemoryLine(part=part, size=size, device=_device(name))
        for part, sizes in (
            (MemoryPart.WEIGHTS, planned.weights),
            (MemoryPart.CACHE, planned.cache),
            (MemoryPart.COMPUTE, planned.compute),
        )
        for name, size in sizes.items()
    ]
    own = PROCESS_BYTES + TOKEN_BYTES * vocabulary
    lines.append(MemoryLine(part=MemoryPart.PROCESS, size=own))
    return MemoryPlan(source=PlanSource.DRY_RUN, lines=tuple(lines))


def _device(name: str) -> str:
    """llama.cpp's name of a device; a GPU's buffers in the machine's memory end in "_Host"."""
    return HOST if name.startswith("CPU") or name.endswith("_Host") else name


def read_chat_format(spec: ModelSpec) -> ChatFormat:
    """What the file's own header says about conversations.

    Raises:
        MissingFile: the file is gone.
        InvalidFile: the file is broken.
    """
    path = Path(spec.path)
    try:
        header = read_header(path)
        check_model(header)
        return ChatFormat(header.chat_template, read_special_tokens(path, header))
    except HeaderError as error:
        raise InvalidFile(
            str(error), "Download the file again, or choose another model."
        ) from error
    except OSError as error:
        raise MissingFile(
            f"The file of {spec.name} can't be read.",
            "Plug in its drive, or scan its folder again if you moved it.",
            str(error),
        ) from error
