"""What a model's files say of themselves, as pages of lines."""

from app.domain.base import Frozen


class KeyValue(Frozen):
    """One key of a header."""

    key: str
    type: str
    value: str
    """Cut where it is long; empty for a list that is too long to show."""
    length: int | None = None
    """Items, for a list."""


class KeyPage(Frozen):
    """Some keys of a header."""

    keys: tuple[KeyValue, ...]
    total: int


class ValuePage(Frozen):
    """Some items of one key."""

    values: tuple[str, ...]
    total: int


class TensorLine(Frozen):
    """One tensor."""

    name: str
    shape: tuple[int, ...]
    type: str
    size: int | None
    """Bytes; None for a type that isn't known."""


class TypeShare(Frozen):
    """All tensors of one type together."""

    type: str
    tensors: int
    elements: int
    size: int | None
    """Bytes; None for a type that isn't known."""


class TensorPage(Frozen):
    """Some tensors, and the quantisation mix of all of them, the commonest type first."""

    tensors: tuple[TensorLine, ...]
    total: int
    mix: tuple[TypeShare, ...]


class FileDigest(Frozen):
    """The SHA-256 of one of a model's files, as its maker publishes it."""

    path: str
    digest: str
    """In hexadecimal digits."""
