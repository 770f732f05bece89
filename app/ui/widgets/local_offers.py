"""Servers on this machine that answer, each one press away."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.domain.accounts import PROVIDERS, LocalServer
from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels import account_words
from app.ui.viewmodels.local_servers import LocalServers
from app.ui.widgets.banner import Banner


class LocalOffers(QWidget):
    """A quiet line a server; hides itself when there are none."""

    def __init__(self, look: Theme, servers: LocalServers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._servers = servers
        self._shown: tuple[LocalServer, ...] = ()
        self._wanted = True
        self.banners: list[Banner] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_2)
        servers.changed.connect(self._show)
        self._show()

    def want(self, wanted: bool) -> None:
        """Whether the page has a place for them now."""
        self._wanted = wanted
        self.setVisible(wanted and bool(self._shown))

    def _show(self) -> None:
        offered = self._servers.offered()
        if offered != self._shown:
            self._shown = offered
            for banner in self.banners:
                self._column.removeWidget(banner)
                banner.hide()
                banner.deleteLater()
            self.banners = [self._banner(server) for server in offered]
            for banner in self.banners:
                self._column.addWidget(banner)
        self.want(self._wanted)

    def _banner(self, server: LocalServer) -> Banner:
        banner = Banner(self._look, "info", "Use it")
        banner.setObjectName(f"offer_{server.kind}")
        banner.button.setAccessibleName(f"Use {PROVIDERS[server.kind].name}")
        banner.set_words(account_words.offer(server))
        banner.triggered.connect(lambda: self._servers.add(server))
        return banner
