"""Local GGUF files, each loaded by llama.cpp in a process of its own."""

from collections.abc import Callable
from pathlib import Path

from app.domain.errors import InvalidFile, LoadStalled, MissingFile, WorkerCrashed
from app.domain.instances import LoadSettings
from app.domain.memory import context_for
from app.domain.models import ModelSpec
from app.gguf.checks import check_model
from app.gguf.header import HeaderError
from app.gguf.reader import read_header, read_special_tokens
from app.ports import Child, Children, TemplateRenderer
from app.providers import failures
from app.providers.llama_engine import ChatFormat, Deadlines, LlamaEngine
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

    async def load(
        self, spec: ModelSpec, settings: LoadSettings, on_progress: Callable[[float], None]
    ) -> LlamaEngine:
        """Load a model; `on_progress` gets 0 to 1.

        A cancelled load returns (by CancelledError) after its process is reaped.

        Raises:
            MissingFile: the file is gone.
            InvalidFile: it is broken, or llama.cpp can't run it.
            DoesNotFit: an allocation failed.
            LoadStalled: it made no progress for too long.
            WorkerCrashed: its process didn't start, or ended for a reason outside the file.
        """
        chat = await in_daemon_thread(read_chat_format, spec)
        embedding = spec.embeds_only
        if settings.threads is None and self._cores is not None:
            # A worker sees the cores, but not a container's quota. One stays free for the desktop.
            settings = settings.model_copy(update={"threads": max(1, self._cores - 1)})
        request = protocol.Load(
            path=spec.path,
            context_length=context_for(spec, settings.context_length),
            threads=settings.threads,
            embedding=embedding,
        )
        link = WorkerLink(await self._start(spec.name))
        try:
            loaded = await self._loaded(spec.name, link, request, on_progress)
        except BaseException:
            await link.close(grace=0)
            raise
        if chat.template is not None:
            self._renderer.warm()
        return LlamaEngine(
            spec.name,
            link,
            self._renderer,
            chat,
            self._deadlines,
            context_length=loaded.context_length,
            embedding=embedding,
        )

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
    ) -> protocol.Loaded:
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
                    case protocol.Loaded() as loaded:
                        return loaded


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
