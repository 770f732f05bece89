"""Servers of models on this machine that could be used at once."""

from PySide6.QtCore import QObject, QTimer, Signal

from app.domain.accounts import LocalServer
from app.domain.errors import SettingError
from app.domain.events import AccountsChanged, LocalServersFound
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents

LOOK_MS = 1500
"""So long after somebody comes to see them: a page is painted and used before."""


class LocalServers(QObject):
    """Looks for them when a page shows that would offer them; one gesture adds one."""

    changed = Signal()

    def __init__(
        self, manager: Manager, intents: Intents, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._accounts = manager.accounts
        self._intents = intents
        self._found: tuple[LocalServer, ...] = ()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(LOOK_MS)
        self._soon.timeout.connect(self.look)
        bridge.on(LocalServersFound, self._take)
        bridge.on(AccountsChanged, lambda _: self.changed.emit())

    def offered(self) -> tuple[LocalServer, ...]:
        """Those that answered and have no account."""
        known = {account.base_url for account in self._accounts.all()}
        return tuple(server for server in self._found if server.base_url not in known)

    def look_soon(self) -> None:
        """Look once the page has been there for a moment."""
        self._soon.start()

    def leave(self) -> None:
        """Don't look: nobody sees it any more."""
        self._soon.stop()

    def look(self) -> None:
        """Ask on the usual ports of this machine."""
        self._intents.run("look for local servers", self._look())

    def add(self, server: LocalServer) -> None:
        """Make an account of a server, with its models."""
        self._intents.run(f"add {server.base_url}", self._add(server))

    async def _look(self) -> None:
        try:
            await self._accounts.find_local()
        except SettingError:
            # Where there are no accounts nothing is offered, and nobody asked for it.
            return

    async def _add(self, server: LocalServer) -> None:
        account_id = await self._accounts.add(server.kind, base_url=server.base_url)
        await self._accounts.refresh(account_id)

    def _take(self, events: list[LocalServersFound]) -> None:
        self._found = events[-1].servers
        self.changed.emit()
