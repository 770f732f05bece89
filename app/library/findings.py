"""What a scan has made of the files that it found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.models import ModelId, ModelSpec, ScannedFile
from app.library.found import FoundModel
from app.library.specs import Reading, printable


@dataclass(frozen=True, slots=True)
class ScanBatch:
    """Some results of a scan under way."""

    specs: tuple[ModelSpec, ...]
    """Models read since the last batch."""
    files: int
    """Files looked at so far, model or not."""
    models: int = 0
    """Models found so far, read or known."""
    read: tuple[ScannedFile, ...] = ()
    """Every file that was read since the last batch."""
    templates: Mapping[ModelId, str] = field(default_factory=dict)
    """The chat templates of those models that bring one."""
    gone: tuple[str, ...] = ()
    """In the last batch, the known files that aren't there any more."""


class Findings:
    """What was read since the last batch."""

    def __init__(self) -> None:
        self.specs: list[ModelSpec] = []
        self.read: list[ScannedFile] = []
        self.templates: dict[ModelId, str] = {}

    def add(self, found: FoundModel, reading: Reading) -> str:
        """Add a model; the path that it is known by, which is text."""
        spec = reading.spec()
        path = printable(found.path)
        if spec is not None:
            self.specs.append(spec)
            if reading.template:
                self.templates[spec.id] = reading.template
        mark = found.mark if reading.lasting and path == found.path else ""
        model_id = spec.id if spec is not None else None
        self.read.append(ScannedFile(path, mark, found.place, model_id, found.size))
        return path

    def join(self, other: "Findings") -> None:
        """Add what somebody else has gathered."""
        self.specs += other.specs
        self.read += other.read
        self.templates |= other.templates

    def batch(self, files: int, models: int, gone: tuple[str, ...] = ()) -> ScanBatch:
        """All of it as a batch."""
        return ScanBatch(
            specs=tuple(self.specs),
            files=files,
            models=models,
            read=tuple(self.read),
            templates=self.templates,
            gone=gone,
        )
