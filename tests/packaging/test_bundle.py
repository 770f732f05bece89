"""What goes into the bundle."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).parents[2] / "icons"
Script = Callable[[str], ModuleType]


def test_that_the_engine_is_bundled_once_under_the_names_that_are_asked_for(
    script: Script,
) -> None:
    needed = script("engine_files").needed
    names = [
        f"lib{stem}.so{suffix}"
        for stem in ("llama", "ggml", "ggml-base", "ggml-cpu", "mtmd")
        for suffix in ("", ".0", ".0.5.0")
    ]
    linux = ["libggml-base.so.0", "libggml-cpu.so.0", "libggml.so.0", "libllama.so"]
    assert needed(names) == linux
    assert needed(["ggml.dll", "llama.dll", "mtmd.dll"]) == ["ggml.dll", "llama.dll"]


def test_that_the_installed_engine_has_every_file_that_the_bundle_takes(script: Script) -> None:
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "lib"
    files = script("engine_files").needed(path.name for path in folder.iterdir())
    assert any("llama" in name for name in files)
    assert sys.platform != "linux" or len(files) >= 4


def test_that_every_icon_is_drawn_in_one_colour_that_the_window_can_replace(
    qapp: QGuiApplication,
) -> None:
    drawn = [path for path in ICONS.glob("*.svg") if path.stem != "modelyard"]
    assert drawn
    for path in drawn:
        renderer = QSvgRenderer(str(path))
        assert renderer.isValid(), path.name
        assert renderer.defaultSize() == QSize(24, 24), path.name
        text = path.read_text()
        assert text.count("#") == text.count("#000000") >= 1, path.name


def test_that_the_app_icon_has_the_sizes_that_desktops_ask_for(qapp: QGuiApplication) -> None:
    sizes = {
        int(path.stem.removeprefix("modelyard-")): QImage(str(path)).size()
        for path in ICONS.glob("modelyard-*.png")
    }
    assert sorted(sizes) == [16, 24, 32, 48, 64, 128, 256, 512]
    assert all(size == QSize(side, side) for side, size in sizes.items())
