"""The machine that the figures come from."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil


def cores() -> int:
    """Physical cores that this process may use: what llama-server takes by default."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:
        allowed = os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def thread_counts() -> list[int]:
    """One thread and all cores."""
    return sorted({1, cores()})


def describe() -> dict[str, str]:
    """What a reader needs to judge the figures by; nothing that names the machine."""
    load = ", ".join(f"{value:.2f}" for value in psutil.getloadavg())
    return {
        "processor": _processor(),
        "cores": f"{cores()} ({os.cpu_count()} logical)",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load average at the start": load,
        "python": platform.python_version(),
        "llama-cpp-python": metadata.version("llama-cpp-python"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
