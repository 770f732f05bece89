"""The order of Tab for widgets that are made late: Qt puts those behind everything else."""

from itertools import pairwise

from PySide6.QtWidgets import QWidget


def in_tab_order(*widgets: QWidget) -> None:
    """Let Tab lead from each to the next; the first keeps its place."""
    for former, latter in pairwise(widgets):
        QWidget.setTabOrder(former, latter)
