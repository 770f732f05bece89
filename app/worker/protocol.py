"""What the app and its worker processes say to each other, and how it is framed on the pipes.

A frame is a header `<IBI` (payload bytes, kind, request) and its payload: the message's fields as
JSON. The request is a number that the app chooses; every answer carries the number of what it
answers, and 0 stands for the worker as a whole.

A worker process imports this module within its first milliseconds: nothing of the domain, no
pydantic, and named tuples because dataclasses cost a worker 40 ms.
"""

import json
import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

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
    SAMPLING = "sampling"
    """A grammar, JSON schema or bias can't be read, or the model's tokens can't follow it."""
    SETTING = "setting"
    """This build or file can't take one of the load's settings."""
    TEMPLATE = "template"
    """The chat template raised."""


class Load(NamedTuple):
    """Load this file."""

    path: str
    context_length: int
    """Tokens of each slot."""
    threads: int | None
    """None follows the machine's load."""
    embedding: bool
    slots: int = 4
    """Requests that are computed side by side."""
    batch: int = 2048
    """Tokens of a prompt that are handed to llama.cpp at once."""
    micro_batch: int = 512
    """Tokens that are computed at once; the scratch buffers are made for so many."""
    batch_threads: int | None = None
    """Threads for prompts; None takes as many as for single tokens."""
    cores: int | None = None
    """The most cores to share, as a container's quota has it; None counts what is there."""
    flash_attention: bool | None = None
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    gpu_layers: int | None = None
    main_gpu: int | None = None
    tensor_split: list[float] = []  # noqa: RUF012 - nobody adds to it
    mmap: bool | None = None
    mlock: bool = False
    rope_scaling: str | None = None
    rope_base: float | None = None
    rope_scale: float | None = None
    adapters: list[tuple[str, float]] = []  # noqa: RUF012 - nobody adds to it
    """LoRA files with their scales."""
    pooling: str | None = None
    sought: list[str] = []  # noqa: RUF012 - nobody adds to it
    """Texts to look for among the vocabulary's special tokens."""
    later: bool = False
    """Memory is plentiful: most of what conversations need may be allocated after the load."""
    dry_run: bool = False
    """Allocate nothing: say how much the load would take, and end."""


class Generate(NamedTuple):
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
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64
    logit_bias: list[tuple[int, float]] = []  # noqa: RUF012 - nobody adds to it
    grammar: str = ""
    """GBNF."""
    json_schema: str = ""
    written: list[str] = []  # noqa: RUF012 - nobody adds to it
    """Control tokens to write out in the answer; others stand for no text."""


class Probe(NamedTuple):
    """Compute one token or embedding."""


class Embed(NamedTuple):
    """Compute the vectors of these texts."""

    texts: list[str]


class Tokenise(NamedTuple):
    """Cut this text into tokens, with the model's beginning token where it wants one."""

    text: str
    special: bool


class Detokenise(NamedTuple):
    """Write these tokens as text."""

    tokens: list[int]


class Render(NamedTuple):
    """Render a chat template."""

    template: str
    messages: list[dict[str, Any]]
    special_tokens: dict[str, str]
    variables: dict[str, bool | str] = {}  # noqa: RUF012 - nobody adds to it
    """What the template may be told beside the turns."""
    tools: list[dict[str, Any]] = []  # noqa: RUF012 - nobody adds to it
    """The functions that the model may call, as OpenAI describes them."""
    generate: bool = True
    """Whether to write the beginning of an answer after the turns."""


class Quantise(NamedTuple):
    """Write a model anew with smaller weights."""

    source: str
    destination: str
    file_type: int
    """llama.cpp's number (`llama_ftype`)."""
    threads: int


class ReadFiles(NamedTuple):
    """Read the headers of these models."""

    found: list[Any]
    """Each model's files, as `library.found.FoundModel` has them."""


class Cancel(NamedTuple):
    """Give up the request whose number this frame carries."""


class Shutdown(NamedTuple):
    """End the process."""


class Ready(NamedTuple):
    """The worker is up and takes requests."""


class Alive(NamedTuple):
    """The worker has been computing since it last said so."""


class Progress(NamedTuple):
    """So much of the file is loaded."""

    fraction: float


class Loaded(NamedTuple):
    """The model is loaded."""

    context_length: int
    threads: int = 0
    """Threads in force."""
    offloads: bool = False
    """Whether this build can compute on a GPU."""
    found: list[str] = []  # noqa: RUF012 - nobody adds to it
    """The sought texts that are special tokens of the vocabulary."""


class Planned(NamedTuple):
    """What the load would take, in bytes by the devices that llama.cpp names."""

    weights: dict[str, int]
    cache: dict[str, int]
    compute: dict[str, int]
    """The output's buffer included."""


class Tokens(NamedTuple):
    """New text with a monotonic time stamp for each token behind it."""

    text: str
    stamps_ns: list[int]


class Done(NamedTuple):
    """The answer is complete."""

    finish: Finish
    prompt_tokens: int
    cached_tokens: int = 0
    """Those of the prompt's tokens that were in the model's memory already."""
    threads: int = 0
    """Threads in force when the answer ended."""


class Computed(NamedTuple):
    """The probe succeeded."""


class Embedded(NamedTuple):
    """One vector of length 1 for each text."""

    vectors: list[list[float]]


class Tokenised(NamedTuple):
    """The tokens of a text."""

    tokens: list[int]


class Detokenised(NamedTuple):
    """The text of some tokens."""

    text: str


class Rendered(NamedTuple):
    """The prompt that the template made."""

    text: str


class FilesRead(NamedTuple):
    """What the files say; what is the same for several models comes once."""

    alike: list[str]
    """Specs with all that some models have in common, as JSON."""
    templates: list[str]
    read: list[Any]
    """For each model in order the number of its spec and what is its own, the number of its
    template, and whether the files would be read alike again; None for one that has gone."""


class Refused(NamedTuple):
    """The request can't be served."""

    reason: Refusal
    detail: str = ""
    prompt_tokens: int = 0
    context_length: int = 0


Message = (
    Load | Generate | Probe | Render | Cancel | Shutdown | Embed | Tokenise | Detokenise
    | Ready | Alive | Progress | Loaded | Tokens | Done | Computed | Rendered | Refused
    | Embedded | Tokenised | Detokenised | Planned | Quantise | ReadFiles | FilesRead
)  # fmt: skip

KINDS: dict[type[Message], int] = {
    Load: 1,
    Generate: 2,
    Probe: 3,
    Render: 4,
    Cancel: 5,
    Shutdown: 6,
    Embed: 7,
    Tokenise: 8,
    Detokenise: 9,
    Quantise: 10,
    ReadFiles: 11,
    Ready: 32,
    Alive: 33,
    Progress: 34,
    Loaded: 35,
    Tokens: 36,
    Done: 37,
    Computed: 38,
    Rendered: 39,
    Refused: 40,
    Embedded: 41,
    Tokenised: 42,
    Detokenised: 43,
    Planned: 44,
    FilesRead: 45,
}
"""A frame's kind by message: from the app below 32, from a worker above."""

MESSAGES = {kind: message for message, kind in KINDS.items()}


class Frame(NamedTuple):
    """One message as it travels."""

    kind: int
    request: int
    payload: bytes


def encode(message: Message, request: int = 0) -> bytes:
    """The bytes of one frame."""
    payload = json.dumps(message._asdict()).encode() if message else b""
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
