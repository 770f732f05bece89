"""Renders chat templates, which are programs by strangers, in a process that may be killed.

The sandbox keeps them from the machine, a memory limit from its memory; the app watches the clock,
and an alarm does when the app is gone.
"""

import datetime
import functools
import json
import signal
import sys
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.worker import protocol
from app.worker.channel import Channel
from app.worker.limits import limit_memory
from app.worker.protocol import Message, Refusal, Render

MEMORY_BYTES = 256 * 1024 * 1024
"""What a template may allocate on top of the process itself."""
ALARM_SECONDS = 5
"""After so long the app would have ended a template's process, were it still there."""
TEXT_LIMIT = 4 * 1024 * 1024
"""Characters of a prompt: four for each token of the longest contexts there are."""
REASON_LENGTH = 2000
"""Characters of what a template says about its failure, which may be anything."""


class TemplateWorker:
    """Serves render requests one after another."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def run(self) -> int:
        """Serve until the app ends this process."""
        limit_memory(MEMORY_BYTES)
        self._channel.send(protocol.Ready())
        # On this thread, the only one: another one's waking would take as long as the rendering.
        self._channel.serve(self._receive)

    def _receive(self, message: Message, request: int) -> None:
        if isinstance(message, Render):
            set_alarm(ALARM_SECONDS)
            said = answer(message)
            set_alarm(0)
            self._channel.send(said, request)


def answer(request: Render) -> Message:
    """The rendered prompt, or why there is none."""
    try:
        return protocol.Rendered(render(request))
    except TemplateError as error:
        return _refused(str(error))
    except Exception as error:  # noqa: BLE001 - a template may raise anything that Python does
        return _refused(f"{type(error).__name__}: {error}".rstrip(": "))


def _refused(reason: str) -> Message:
    return protocol.Refused(Refusal.TEMPLATE, reason[:REASON_LENGTH])


def render(request: Render) -> str:
    """Render a template the way the Hugging Face libraries do, for which they are written.

    Raises:
        TemplateError: it raised on purpose, broke the sandbox, or its text is too long.
        Exception: whatever else goes wrong in it.
    """
    pieces: list[str] = []
    length = 0
    for piece in compiled(request.template).generate(
        **{**request.variables, **request.special_tokens},
        messages=request.messages,
        tools=request.tools or None,
        documents=None,
        add_generation_prompt=request.generate,
    ):
        length += len(piece)
        if length > TEXT_LIMIT:
            raise TemplateError(f"the prompt grew past {TEXT_LIMIT} characters")
        pieces.append(piece)
    return "".join(pieces)


@functools.lru_cache(maxsize=8)
def compiled(template: str) -> Template:
    """The template's program; a conversation needs the same one for every turn."""
    return environment().from_string(template)


def environment() -> ImmutableSandboxedEnvironment:
    """A sandbox with what chat templates expect to find."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationBlock]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = strftime_now
    return made


class GenerationBlock(Extension):
    """`{% generation %}` marks the assistant's words for training; here it only holds them."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own attribute

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse the block into its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without the HTML escapes of Jinja's own filter."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def raise_exception(message: str) -> None:
    """Let a template refuse its messages.

    Raises:
        TemplateError: always.
    """
    raise TemplateError(message)


def strftime_now(form: str) -> str:
    """The local time, formatted."""
    return datetime.datetime.now().astimezone().strftime(form)


def set_alarm(seconds: int) -> None:
    """Have the system end this process in so many seconds; 0 calls it off."""
    if sys.platform != "win32":
        signal.alarm(seconds)
