"""The failures that nobody should run into again and again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from app.domain.load_settings import LoadSettings
from app.domain.models import ModelId, ModelSpec
from app.domain.recovery import Setback, after_crash, after_failure, after_ready, counts

Key = tuple[ModelId, int, int, LoadSettings]
"""A model, its file's size and time, and how it is loaded: another file is another try."""


@dataclass(frozen=True)
class _Kept:
    setback: Setback
    error: AppError


class Setbacks:
    """Remembers how models failed with which settings, until a person ejects or dismisses them."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[Key, _Kept] = {}

    def check(self, spec: ModelSpec, settings: LoadSettings) -> None:
        """Refuse a load that nobody insists on and that has only just failed again.

        Raises:
            AppError: the last failure, with the time from which on it is tried again.
        """
        kept = self._kept.get(_key(spec, settings))
        if kept is None or kept.setback.retry_at is None:
            return
        wait = math.ceil(kept.setback.retry_at - self._clock())
        if wait > 0:
            raise kept.error.again(
                f"It failed {kept.setback.count} times in a row and isn't loaded again by itself "
                f"for {_span(wait)}: retry it by hand, or use another model.",
                kept.setback.retry_at,
            )

    def failed(self, spec: ModelSpec, settings: LoadSettings, error: AppError) -> None:
        """A load has failed."""
        if counts(report_of(error)):
            key = _key(spec, settings)
            setback = after_failure(self._setback(key), self._clock())
            self._kept[key] = _Kept(setback, error)

    def ready(self, spec: ModelSpec, settings: LoadSettings) -> None:
        """A load has succeeded."""
        key = _key(spec, settings)
        if kept := self._kept.get(key):
            self._kept[key] = _Kept(after_ready(kept.setback), kept.error)

    def crashed(
        self, spec: ModelSpec, settings: LoadSettings, error: AppError, ready_at: float
    ) -> None:
        """A model that was loaded at `ready_at`, in seconds since the epoch, has crashed."""
        key, now = _key(spec, settings), self._clock()
        setback = after_crash(self._setback(key), now - ready_at, now)
        self._kept[key] = _Kept(setback, error)

    def of(self, spec: ModelSpec, settings: LoadSettings) -> Setback:
        """The failures in a row of one model loaded in one way."""
        return self._setback(_key(spec, settings))

    def forget(self, model_id: ModelId) -> None:
        """Let a model start afresh."""
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != model_id}

    def _setback(self, key: Key) -> Setback:
        kept = self._kept.get(key)
        return kept.setback if kept is not None else Setback()


def _key(spec: ModelSpec, settings: LoadSettings) -> Key:
    return spec.id, spec.size_bytes, spec.modified_ns, settings


def _span(seconds: int) -> str:
    if seconds < 100:  # noqa: PLR2004 - two digits are read at a glance
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} min"
