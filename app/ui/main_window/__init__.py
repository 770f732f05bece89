"""The window: the frame around the pages, and the only place that binds actions to handlers."""

from app.ui.main_window.window import MainWindow

__all__ = ["MainWindow"]
