"""Render icons/modelyard.svg to the sizes that desktops ask for; run it when the drawing changes."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parents[1] / "icons"
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def main() -> int:
    """Write icons/modelyard-SIZE.png for every size."""
    application = QGuiApplication(sys.argv)
    renderer = QSvgRenderer(str(ICONS / "modelyard.svg"), application)
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        image.save(str(ICONS / f"modelyard-{size}.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
