"""The conversions under way, each with its progress and a way to end it."""

from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.domain.models import ModelId
from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.converting import Converting
from app.ui.widgets.banner import Banner


class ConversionBanners(QWidget):
    """A quiet line a conversion; hides itself when there are none."""

    def __init__(self, look: Theme, converting: Converting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._converting = converting
        self._banners: dict[ModelId, Banner] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_2)
        converting.changed.connect(self._show)
        self._show()

    @property
    def banners(self) -> tuple[Banner, ...]:
        """Those that are shown, the first conversion's first."""
        return tuple(self._banners.values())

    def _show(self) -> None:
        lines = self._converting.lines()
        for gone in [model_id for model_id in self._banners if model_id not in lines]:
            banner = self._banners.pop(gone)
            if banner.button.hasFocus():
                self.focusNextChild()
            self._column.removeWidget(banner)
            banner.hide()
            banner.deleteLater()
        for model_id, line in lines.items():
            if model_id not in self._banners:
                self._banners[model_id] = self._banner(model_id)
            banner = self._banners[model_id]
            banner.button.setAccessibleName(f"Cancel converting {line.name}")
            banner.set_share(line.share)
            banner.set_words(line.words)
        self.setVisible(bool(lines))

    def _banner(self, model_id: ModelId) -> Banner:
        banner = Banner(self._look, "switch", "Cancel", busy=True)
        banner.triggered.connect(partial(self._converting.cancel, model_id))
        self._column.addWidget(banner)
        return banner
