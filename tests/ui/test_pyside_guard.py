"""PySide6 6.12.0 loses references to None on Python 3.11 and aborts; the pin keeps it out."""

import gc
import sys
from importlib.metadata import version

from PySide6.QtWidgets import QApplication, QLabel

CALLS = 2_000


def test_that_void_calls_keep_the_references_to_none(qapp: QApplication) -> None:
    label = QLabel()
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(None)
        for _ in range(CALLS):
            label.setText("x")
        lost = before - sys.getrefcount(None)
    finally:
        gc.enable()
        label.deleteLater()
    assert lost == 0


def test_that_pyside_is_older_than_the_leak_where_none_is_counted() -> None:
    # From Python 3.12 on None is immortal and isn't counted.
    release = tuple(int(part) for part in version("PySide6-Essentials").split(".")[:2])
    assert sys.version_info >= (3, 12) or release < (6, 12)
