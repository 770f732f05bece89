"""A busy neighbour: a program that takes one core, in a login session of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def neighbour() -> Iterator[None]:
    """Keep one core busy.

    The session of its own matters: Linux shares processor time between sessions first, so that a
    neighbour in ours would count as one of our threads.
    """
    spinning = subprocess.Popen([sys.executable, "-c", SPIN], start_new_session=True)
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()
