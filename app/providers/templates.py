"""Chat templates, rendered in a process of their own that is killed when one runs wild."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from app.domain.errors import TemplateFailed
from app.domain.generation import ChatMessage
from app.domain.template_probes import probes
from app.ports.engines import NOTHING_TOLD
from app.ports.processes import Child, Children
from app.providers.worker_link import WorkerEnded, WorkerLink, WorkerSilent
from app.tasks import TaskScope
from app.worker import protocol

log = logging.getLogger(__name__)

RENDER_SECONDS = 2.0
START_SECONDS = 30.0
REMEDY = "Use a model with another template, or start a conversation without a system prompt."


SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
"""What a template that is only tried out gets for its model's own."""


class TemplateRefused(TemplateFailed):
    """The template ended on its own, without a prompt; another conversation may suit it."""


class TemplateProcess:
    """Renders templates one at a time; its worker is started by the first and kept warm."""

    def __init__(self, children: Children, limit: float = RENDER_SECONDS) -> None:
        """Prepare without starting anything.

        Args:
            children: what starts the worker.
            limit: seconds that one template may take.
        """
        self._children = children
        self._limit = limit
        self._link: WorkerLink | None = None
        self._one_at_a_time = asyncio.Lock()
        self._tasks = TaskScope("chat templates")

    def warm(self) -> None:
        """Start the worker in the background, so that the first prompt doesn't wait for it."""
        if self._link is None or self._link.over:
            self._tasks.start("warm", self._warm())

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
            TemplateFailed: the template raised, ran too long or grew too large, or the worker
                doesn't start.
        """
        return await self._render(
            protocol.Render(
                template=template,
                messages=[{"role": turn.role.value, "content": turn.text} for turn in messages],
                special_tokens=special_tokens,
                variables=dict(variables),
            )
        )

    async def probe(self, template: str) -> dict[str, str]:
        """What a template makes of each of the domain's probes, by the probe's name.

        A probe that it refuses has no entry. One that brings the process down, or holds it up, is
        the last: a template that does so once does it every time.
        """
        rendered: dict[str, str] = {}
        for probe in probes():
            request = protocol.Render(
                template=template,
                messages=list(probe.messages),
                special_tokens=SPECIAL_TOKENS,
                variables=dict(probe.variables),
                tools=list(probe.tools),
                generate=probe.generate,
            )
            try:
                rendered[probe.name] = await self._render(request)
            except TemplateRefused:
                continue
            except TemplateFailed as error:
                log.info("A chat template can't be tried out: %s", error)
                break
        return rendered

    async def _render(self, request: protocol.Render) -> str:
        async with self._one_at_a_time:
            link = await self._warm_link()
            try:
                answer = await self._answer(link, request)
            except BaseException:
                # It may still be at work on this template: the next one gets a fresh process.
                self._link = None
                await link.close(grace=0)
                raise
        if isinstance(answer, protocol.Rendered):
            return answer.text
        detail = answer.detail if isinstance(answer, protocol.Refused) else str(answer)
        raise TemplateRefused(
            "The model's chat template can't render this conversation.", REMEDY, detail
        )

    async def aclose(self) -> None:
        """End the worker."""
        await self._tasks.aclose()
        await self.rest()

    async def rest(self) -> None:
        """End the worker until it is needed again."""
        async with self._one_at_a_time:
            link, self._link = self._link, None
            if link is not None:
                await link.close(grace=0)

    async def _warm(self) -> None:
        try:
            async with self._one_at_a_time:
                await self._warm_link()
        except TemplateFailed as error:
            # Whoever needs it is told by the render.
            log.warning("%s %s", error, error.detail)

    async def _warm_link(self) -> WorkerLink:
        """The worker's link, up and running: starting it is not the template's time."""
        if self._link is None or self._link.over:
            self._link = WorkerLink(await self._started())
        link = self._link
        try:
            async with asyncio.timeout(START_SECONDS):
                await link.ready()
        except BaseException as error:
            self._link = None
            await link.close(grace=0)
            if isinstance(error, TimeoutError):
                raise TemplateFailed(
                    "The process that renders chat templates doesn't start.", "Try it again."
                ) from error
            raise
        return link

    async def _started(self) -> Child:
        try:
            return await self._children.start("template")
        except OSError as error:
            raise TemplateFailed(
                "The process that renders chat templates can't be started.",
                "Close other programs, then try again.",
                str(error),
            ) from error

    async def _answer(self, link: WorkerLink, request: protocol.Render) -> protocol.Message:
        try:
            with link.ask(request) as answers:
                async with asyncio.timeout(self._limit):
                    return await answers.next(self._limit)
        except (TimeoutError, WorkerSilent) as error:
            raise TemplateFailed(
                f"The model's chat template ran for more than {self._limit:g} seconds.", REMEDY
            ) from error
        except WorkerEnded as error:
            ended = await link.ended()
            raise TemplateFailed(
                "The model's chat template brought its process down.", REMEDY, ended.stderr
            ) from error
