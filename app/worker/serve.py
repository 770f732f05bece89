"""A worker process: how it starts, and how it is bound to the app's life."""

import os
import signal
import sys

from app.worker.channel import Channel

KINDS = ("llama", "template", "quantise")
STDIN, STDOUT, STDERR = 0, 1, 2
NICENESS = 5
"""A desktop stays fluent while a model computes."""


def run(arguments: list[str]) -> int:
    """Run the kind of worker that the arguments name, until the app ends it.

    Returns:
        The exit status.
    """
    if len(arguments) != 1 or arguments[0] not in KINDS:
        os.write(STDERR, f"a worker is one of: {', '.join(KINDS)}\n".encode())
        return 2
    settle()
    channel = Channel(STDIN, claim_stdout())
    # Each kind imports what only it needs: llama.cpp here, Jinja there.
    if arguments[0] == "llama":
        from app.worker.llama import LlamaWorker  # noqa: PLC0415

        return LlamaWorker(channel).run()
    if arguments[0] == "quantise":
        from app.worker.quantise import QuantiseWorker  # noqa: PLC0415

        return QuantiseWorker(channel).run()
    from app.worker.template import TemplateWorker  # noqa: PLC0415

    return TemplateWorker(channel).run()


def claim_stdout() -> int:
    """A private descriptor for frames; what prints to standard output lands in standard error."""
    frames = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    return frames


def settle(niceness: int = NICENESS) -> None:
    """Make this a child that ends with its parent, dumps no core and lets others go first.

    Args:
        niceness: how far it stands back.
    """
    # Ctrl+C in the app's terminal reaches the whole group; the app decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Unix only

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(niceness)
    if sys.platform == "linux":
        die_with_parent()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies.

    The end of standard input says the same, unless native code holds Python's lock for long. For
    the kernel the parent is the thread that started this process: the event loop's.
    """
    import ctypes  # noqa: PLC0415 - Linux only

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
