"""Where the window and its movable parts were, and putting them back."""

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QSplitter, QTableView

from app.domain.settings import WindowPlace

GRIP = 64
"""Pixels of the window that have to be on a screen, so that it can be taken hold of."""


def clamped(place: WindowPlace, screens: Sequence[QRect]) -> QRect:
    """The rectangle to show the window at, reachable on the screens there are.

    Args:
        place: where it was; without a position it is centred on the first screen.
        screens: the usable parts of the screens, the main one first.
    """
    wanted = QRect(place.x or 0, place.y or 0, place.width, place.height)
    home = max(screens, key=lambda screen: _area(screen.intersected(wanted)))
    centred = place.x is None or place.y is None
    if centred or _area(home.intersected(wanted)) == 0:
        home = screens[0]
        centred = True
    size = wanted.size().boundedTo(home.size())
    result = QRect(wanted.topLeft(), size)
    if centred:
        result.moveCenter(home.center())
        return result
    left = min(max(result.x(), home.left() + GRIP - size.width()), home.right() + 1 - GRIP)
    top = min(max(result.y(), home.top()), home.bottom() + 1 - GRIP)
    result.moveTo(left, top)
    return result


def restore(window: QMainWindow, place: WindowPlace) -> None:
    """Put the window, its splitters and its columns where they were."""
    primary = QGuiApplication.primaryScreen()
    others = [screen for screen in QGuiApplication.screens() if screen is not primary]
    usable = [screen.availableGeometry() for screen in (primary, *others)]
    window.setGeometry(clamped(place, usable))
    if place.maximised:
        window.setWindowState(Qt.WindowState.WindowMaximized)
    for splitter in window.findChildren(QSplitter):
        sizes = place.splitters.get(splitter.objectName())
        if sizes is not None and len(sizes) == splitter.count():
            splitter.setSizes(list(sizes))
    for table in window.findChildren(QTableView):
        state = place.columns.get(table.objectName())
        if state is not None:
            table.horizontalHeader().restoreState(QByteArray.fromBase64(state.encode()))


def taken(window: QMainWindow, page: str) -> WindowPlace:
    """Where everything is now."""
    maximised = window.isMaximized()
    rect = window.normalGeometry() if maximised else window.geometry()
    splitters = [item for item in window.findChildren(QSplitter) if item.objectName()]
    tables = [item for item in window.findChildren(QTableView) if item.objectName()]
    return WindowPlace(
        x=rect.x(),
        y=rect.y(),
        width=rect.width(),
        height=rect.height(),
        maximised=maximised,
        page=page,
        splitters={item.objectName(): tuple(item.sizes()) for item in splitters},
        columns={
            item.objectName(): item.horizontalHeader().saveState().toBase64().toStdString()
            for item in tables
        },
    )


def _area(rect: QRect) -> int:
    return rect.width() * rect.height() if rect.isValid() else 0
