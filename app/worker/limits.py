"""What a worker may take."""

import sys


def limit_memory(more_bytes: int) -> None:
    """Refuse allocations beyond so many bytes more; only Linux does it reliably."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - Unix only

    with open("/proc/self/statm") as statm:  # noqa: PTH123 - pathlib would cost its import
        pages = int(statm.read().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
