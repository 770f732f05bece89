"""What a GGUF header says, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.file_faults import FileFault


class HeaderError(Exception):
    """The file isn't one that an engine can load; the text is a sentence for people."""

    def __init__(self, fault: FileFault, part: str = "", **figures: object) -> None:
        """Say what is wrong.

        Args:
            fault: the reason.
            part: the name of the shard that it is about, where there are several.
            figures: what the reason's sentence has places for.
        """
        self.fault = fault
        self.figures = figures
        sentence = fault.sentence(**figures)
        super().__init__(f"{part}: {sentence}" if part else sentence)


@dataclass(frozen=True, slots=True)
class LargeArray:
    """An array that stays in the file, such as a vocabulary."""

    item_type: int
    length: int
    offset: int
    """Where its first item starts, in bytes from the start of the file."""


Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...] | LargeArray


class Tensor(NamedTuple):
    """One tensor's entry."""

    name: str
    dimensions: tuple[int, ...]
    type: int
    elements: int


@dataclass(frozen=True, slots=True)
class Header:
    """Everything before the weights of one file."""

    version: int
    keys: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    architecture: str = field(init=False)
    """The model family, as llama.cpp names it; empty when the file doesn't say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", self.text("general.architecture") or "")

    @property
    def chat_template(self) -> str | None:
        """The Jinja source that turns a conversation into a prompt: the default or a named one."""
        default = "tokenizer.chat_template"
        named = (key for key in self.keys if key.startswith(f"{default}."))
        texts = (self.text(key) for key in (default, *named))
        return next((text for text in texts if text and text.strip()), None)

    def own(self, key: str) -> Value | None:
        """The value of a key that is prefixed with the architecture."""
        return self.keys.get(f"{self.architecture}.{key}")

    def text(self, key: str) -> str | None:
        """The value of `key` when it is a string."""
        value = self.keys.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        """The value of `key` when it is a whole number."""
        value = self.keys.get(key)
        return value if type(value) is int else None

    def own_integer(self, key: str) -> int | None:
        """The value of a key of this architecture when it is a whole number."""
        value = self.keys.get(f"{self.architecture}.{key}")
        return value if type(value) is int else None

    def length(self, key: str) -> int | None:
        """The number of items when `key` holds an array."""
        value = self.keys.get(key)
        if isinstance(value, LargeArray):
            return value.length
        return len(value) if isinstance(value, tuple) else None
