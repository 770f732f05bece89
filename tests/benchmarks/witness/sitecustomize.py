"""Notes every computation of llama.cpp in the workers whose PYTHONPATH holds this file's folder.

So a benchmark knows when a worker computed and how many tokens, whatever the engine says itself.
Each record goes to `decodes-PID` beside this file at once: workers end without notice.
"""

import os
import struct
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

RECORD = struct.Struct("<qqii")
"""Start and end in monotonic nanoseconds, tokens, status."""
BINDING = "llama_cpp.llama_cpp"


class WitnessLoader(Loader):
    """Loads the binding and puts a clock around what computes."""

    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        path = Path(__file__).with_name(f"decodes-{os.getpid()}")
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for name in ("llama_decode", "llama_encode"):
            setattr(module, name, witnessed(getattr(module, name), log))


class WitnessFinder(MetaPathFinder):
    """Finds the binding where everybody finds it."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != BINDING:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = WitnessLoader(spec.loader)
        return spec


def witnessed(compute: Any, log: int) -> Any:
    """The same function, with a record of each call."""

    def noted(context: Any, batch: Any) -> Any:
        tokens = batch.n_tokens
        start = time.monotonic_ns()
        status = compute(context, batch)
        os.write(log, RECORD.pack(start, time.monotonic_ns(), tokens, status))
        return status

    return noted


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, WitnessFinder())
