"""What the app and its worker processes say to each other, and how it is framed on the pipes.

A frame is a header `<IBI` (payload bytes, kind, request) and its payload: the message's fields as
JSON. The request is a number that the app chooses; every answer carries the number of what it
answers, and 0 stands for the worker as a whole.

A worker process imports this module within its first milliseconds: nothing of the domain, no
pydantic.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

HEADER = struct.Struct("<IBI")
PAYLOAD_LIMIT = 64 * 1024 * 1024
"""Bytes; a longer payload means that the stream is corrupt."""


class ProtocolError(Exception):
    """The bytes on the pipe are not frames of this protocol."""


class Finish(StrEnum):
    """Why the worker ended an answer; the domain's words for the same."""

    END = "end"
    LENGTH = "length"
    STOP_SEQUENCE = "stop_sequence"
    CANCELLED = "cancelled"


class Refusal(StrEnum):
    """Why the worker can't do what it was asked."""

    MODEL = "model"
    """llama.cpp can't load the file."""
    CONTEXT = "context"
    """The model is loaded, but its context can't be made."""
    OVERFLOW = "overflow"
    """The prompt leaves no room for an answer."""
    EMPTY = "empty"
    """The prompt has no tokens."""
    COMPUTE = "compute"
    """llama.cpp can't compute the batch, or the numbers are none."""
    TEMPLATE = "template"
    """The chat template raised."""


@dataclass(frozen=True, slots=True)
class Load:
    """Load this file."""

    path: str
    context_length: int
    threads: int | None
    embedding: bool


@dataclass(frozen=True, slots=True)
class Generate:
    """Continue this text."""

    prompt: str
    special: bool
    """Whether special tokens written in the prompt mean themselves, as a template's do."""
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int | None
    max_tokens: int
    stop: list[str]
    ignore_end: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Compute one token or embedding."""


@dataclass(frozen=True, slots=True)
class Render:
    """Render a chat template."""

    template: str
    messages: list[dict[str, str]]
    special_tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up the request whose number this frame carries."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is up and takes requests."""


@dataclass(frozen=True, slots=True)
class Alive:
    """The worker has been computing since it last said so."""


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of the file is loaded."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is loaded."""

    context_length: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """New text with a monotonic time stamp for each token behind it."""

    text: str
    stamps_ns: list[int]


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete."""

    finish: Finish
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Computed:
    """The probe succeeded."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The prompt that the template made."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request can't be served."""

    reason: Refusal
    detail: str = ""
    prompt_tokens: int = 0
    context_length: int = 0


Message = (
    Load | Generate | Probe | Render | Cancel | Shutdown
    | Ready | Alive | Progress | Loaded | Tokens | Done | Computed | Rendered | Refused
)  # fmt: skip

KINDS: dict[type[Message], int] = {
    Load: 1,
    Generate: 2,
    Probe: 3,
    Render: 4,
    Cancel: 5,
    Shutdown: 6,
    Ready: 32,
    Alive: 33,
    Progress: 34,
    Loaded: 35,
    Tokens: 36,
    Done: 37,
    Computed: 38,
    Rendered: 39,
    Refused: 40,
}
"""A frame's kind by message: from the app below 32, from a worker above."""

MESSAGES = {kind: message for message, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it travels."""

    kind: int
    request: int
    payload: bytes


def encode(message: Message, request: int = 0) -> bytes:
    """The bytes of one frame."""
    body = {field.name: getattr(message, field.name) for field in fields(message)}
    payload = json.dumps(body).encode() if body else b""
    return HEADER.pack(len(payload), KINDS[type(message)], request) + payload


def decode(frame: Frame) -> Message:
    """The message in a frame.

    Raises:
        ProtocolError: the kind is unknown or the payload isn't its fields.
    """
    message = MESSAGES.get(frame.kind)
    if message is None:
        raise ProtocolError(f"no message has the kind {frame.kind}")
    try:
        body: dict[str, Any] = json.loads(frame.payload) if frame.payload else {}
        return message(**body)
    except (ValueError, TypeError) as error:
        raise ProtocolError(f"not a {message.__name__}: {error}") from error


class FrameReader:
    """Cuts frames out of a byte stream that arrives in pieces of any size."""

    def __init__(self, limit: int = PAYLOAD_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete.

        Raises:
            ProtocolError: a payload is longer than the limit.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            length, kind, request = HEADER.unpack_from(self._buffer)
            if length > self._limit:
                raise ProtocolError(f"a payload of {length} bytes; the limit is {self._limit}")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield Frame(kind, request, payload)
