"""What a scan and its reading process tell each other, as messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.domain.models import ModelSpec
from app.library.found import FoundFile, FoundModel
from app.library.specs import Own, Reading
from app.worker.protocol import FilesRead, ReadFiles


def question(models: Sequence[FoundModel]) -> ReadFiles:
    """Ask for the headers of some models."""
    return ReadFiles([*models])


def asked_for(message: ReadFiles) -> list[FoundModel]:
    """The models whose headers are asked for."""
    return [
        found._replace(parts=_files(found.parts), projectors=_files(found.projectors))
        for found in map(FoundModel._make, message.found)
    ]


def answer(readings: Iterable[Reading | None]) -> FilesRead:
    """What was read; None stands for files that have gone."""
    alike: dict[int, tuple[int, ModelSpec]] = {}
    templates: dict[str, int] = {}
    read: list[tuple[int, Own | None, int, bool] | None] = []
    for reading in readings:
        if reading is None:
            read.append(None)
            continue
        spec, number = reading.alike, -1
        if spec is not None:
            # Those that are alike share one spec, which is kept here so that its place stays its own.
            number, _ = alike.setdefault(id(spec), (len(alike), spec))
        template = templates.setdefault(reading.template, len(templates))
        read.append((number, reading.own, template, reading.lasting))
    texts = [spec.model_dump_json(exclude_defaults=True) for _, spec in alike.values()]
    return FilesRead(texts, [*templates], read)


class Answers:
    """Understands answers; a spec that comes again is the one that came before."""

    def __init__(self) -> None:
        self._specs: dict[str, ModelSpec] = {}

    def readings(self, message: FilesRead, count: int) -> list[Reading | None]:
        """What was read, in the order that it was asked for.

        Args:
            message: the answer.
            count: how many models were asked for.

        Raises:
            ValueError, TypeError, LookupError: it isn't an answer.
        """
        if len(message.read) != count:
            raise ValueError(f"{len(message.read)} answers for {count} models")
        specs = [self._spec(text) for text in message.alike]
        return [
            None if item is None else _reading(item, specs, message.templates)
            for item in message.read
        ]

    def _spec(self, text: str) -> ModelSpec:
        known = self._specs.get(text)
        if known is None:
            known = self._specs[text] = ModelSpec.model_validate_json(text)
        return known


def _reading(item: Sequence[Any], specs: Sequence[ModelSpec], templates: Sequence[str]) -> Reading:
    number, own, template, lasting = item
    if own is None:
        return Reading(None, lasting=lasting)
    return Reading(specs[number], Own._make(own), templates[template], lasting)


def _files(items: Iterable[Sequence[Any]]) -> tuple[FoundFile, ...]:
    return tuple(map(FoundFile._make, items))
