"""llama.cpp in this very process, without its log."""

import functools
from typing import Any

from app.worker.binding import load_binding


@functools.cache
def silent_binding() -> Any:
    """The low-level API; nothing that it says is printed."""
    api = load_binding()
    api.llama_log_set(_silent(), None)
    return api


@functools.cache
def _silent() -> Any:
    # llama.cpp calls it until the process ends, so it may never be collected.
    return load_binding().llama_log_callback(lambda *_: None)
