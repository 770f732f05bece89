"""The real window over any manager."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.main_window import MainWindow
from app.ui.theme import Theme


@asynccontextmanager
async def window_over(manager: Manager, look: Theme) -> AsyncIterator[MainWindow]:
    """The window, shown; leaving ends what its gestures began."""
    look.apply(manager.settings.current().theme)
    intents, bridge = Intents(), Bridge(manager)
    window = MainWindow(manager, look, intents, bridge)
    window.show()
    try:
        yield window
    finally:
        await intents.aclose()
        bridge.close()
        window.hide()
        window.deleteLater()
