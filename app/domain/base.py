"""What every domain noun shares."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, comparable, and strict about the fields it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
