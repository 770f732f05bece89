"""The scenes of the command palette, and of dragging files over the window."""

from typing import TYPE_CHECKING

from app.domain.models import ModelId
from tests.screens.library import QWEN
from tests.support.fakes import eventually

if TYPE_CHECKING:
    from tests.screens.scenes import Stage


async def find(s: "Stage") -> None:
    """The palette with nothing typed, hits, none, in a low window; the hint while dragging."""
    for toast in s.window.toaster.toasts:
        toast.dismiss()
    s.window.show_page("library")
    s.select(QWEN)
    palette = s.window.command_palette
    palette.toggle()
    await s.camera.take("palette")
    for text in ("llama", "load", "no such thing"):
        palette.line.setText(text)
        await s.camera.take(f"palette-{text.replace(' ', '-')}")
    size = s.window.size()
    palette.line.setText("a")
    s.window.resize(720, 480)
    await s.camera.take("palette-narrow")
    s.window.resize(size)
    palette.dismiss()
    s.window._overlay.cover(["/models/Qwen2.5-7B-Instruct-Q4_K_M.gguf"])
    await s.camera.take("drop-model")
    s.window._overlay.cover(["/models", "/notes"])
    await s.camera.take("drop")
    s.window._overlay.hide()
    path = s.manager.models.get(ModelId(s.model(QWEN))).path
    s.window.add_paths([path])
    await eventually(lambda: s.window.toaster.toasts)
    await s.camera.take("drop-known")
    for toast in s.window.toaster.toasts:
        toast.dismiss()
