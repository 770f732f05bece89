"""The charts of a profiling run. Importing this imports pyqtgraph."""

from PySide6.QtWidgets import QGridLayout, QWidget

from app.ui import theme
from app.ui.charts.picture import first_token_picture, latency_picture, speed_picture
from app.ui.charts.plot import Plot
from app.ui.theme import Theme
from app.ui.viewmodels.profile_series import Series

NARROW = 240


class ProfileCharts(QWidget):
    """Speed over latency on the same tokens, the first tokens beside them."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.speed = Plot(look, "Tokens per second", "token", "tok/s")
        self.speed.setObjectName("speed_chart")
        self.latency = Plot(look, "Token latency", "token", "ms")
        self.latency.setObjectName("latency_chart")
        self.first_token = Plot(look, "Time to first token", "request", "ms")
        self.first_token.setObjectName("first_token_chart")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme.SPACE_3)
        grid.addWidget(self.speed, 0, 0)
        grid.addWidget(self.latency, 1, 0)
        grid.addWidget(self.first_token, 0, 1, 2, 1)
        grid.setColumnMinimumWidth(1, NARROW)
        grid.setColumnStretch(0, 5)
        grid.setColumnStretch(1, 2)

    def show_series(self, series: Series, *, live: bool, requests: int = 0) -> None:
        """Draw a run.

        Args:
            series: as far as it has come.
            live: whether it goes on.
            requests: how many it will have, when that is known.
        """
        self.speed.show_picture(speed_picture(series), live=live)
        self.latency.show_picture(latency_picture(series), live=live)
        self.first_token.show_picture(first_token_picture(series, requests), live=live)
