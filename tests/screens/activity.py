"""The scenes of Activity: chains of causes, an event, a filter, an error, and the support bundle."""

from typing import TYPE_CHECKING

from app.domain.activity import Topic
from app.domain.error_reports import report_of
from app.domain.errors import WorkerCrashed
from app.domain.events import ModelCrashed, ModelEvicted, ModelLoaded, ModelRecovered, ModelSwitched
from app.domain.support import BundlePart
from app.manager.events import caused_by
from app.ui.pages.support_dialog import SupportDialog
from tests.screens.library import GEMMA, QWEN, SLOW
from tests.support.fakes import eventually

if TYPE_CHECKING:
    from tests.screens.scenes import Stage

NARROW = (760, 620)
LINES = (
    "ggml_vulkan: Device memory allocation of size 1073741824 failed.\n"
    "llama_kv_cache_init: failed to allocate buffer for kv cache"
)
PARTS = (
    BundlePart(name="logs/modelyard.log", what="What the program wrote down", size_bytes=48_211),
    BundlePart(name="logs/modelyard.log.1", what="What the program wrote down", size_bytes=10**6),
    BundlePart(name="crashes/native.txt", what="Where it was when it crashed", size_bytes=1_904),
)


async def activity(s: "Stage") -> None:
    """What the scenes before have led to, and a day's trouble on top of it."""
    size = s.window.size()
    happen(s)
    for toast in s.window.toaster.toasts:
        toast.dismiss()
    s.window.show_page("activity")
    page = s.window.activity_page
    model = page.view_model
    model.refresh()
    await s.camera.take("activity")
    rows = model.table.rows
    page.choose(next(row.entry.key for row in rows if "make room" in row.entry.text))
    await s.camera.take("activity-event")
    page.choose(next(row.entry.key for row in rows if "crashed" in row.entry.text))
    await s.camera.take("activity-error")
    model.look_for(topics=frozenset({Topic.ERRORS}))
    await s.camera.take("activity-errors")
    model.look_for(topics=frozenset(), words="room", model=s.model(QWEN))
    await s.camera.take("activity-filtered")
    model.look_for(words="no such words")
    await s.camera.take("activity-no-match")
    model.look_for_everything()
    s.window.resize(*NARROW)
    page.choose(next(row.entry.key for row in model.table.rows if "make room" in row.entry.text))
    await s.camera.take("activity-narrow")
    s.window.resize(size)
    await bundle(s)


def happen(s: "Stage") -> None:
    """Publish what a busy day brings."""
    events = s.manager.events
    slow, qwen, gemma = s.model(SLOW), s.model(QWEN), s.model(GEMMA)
    with caused_by("switch #901"):
        reason = f"makes room for {QWEN}"
        evicted = ModelEvicted(
            model_id=gemma, reason=reason, for_model=qwen, freed_bytes=1_200_000_000
        )
        with caused_by(events.publish(evicted)):
            events.publish(ModelLoaded(model_id=qwen, load_seconds=2.13, memory=4_900_000_000))
        events.publish(ModelSwitched(name="active", model_id=qwen, previous=gemma, gap_seconds=2.4))
    error = WorkerCrashed(
        f"{SLOW} ran out of memory and its process was ended by the system.",
        "Load it with a shorter context, or eject another model first.",
        LINES,
    )
    crash = ModelCrashed(model_id=slow, error=report_of(error), restarts_at=1.0)
    with caused_by(events.publish(crash)):
        events.publish(ModelLoaded(model_id=slow, load_seconds=0.84, memory=310_000_000))
        events.publish(ModelRecovered(model_id=slow, down_seconds=3.2))


async def bundle(s: "Stage") -> None:
    """The support bundle as it is offered, under way, written and refused."""
    s.window.perform("support_bundle")
    await eventually(lambda: s.window.findChild(SupportDialog))
    form = s.window.findChild(SupportDialog).form
    # The log files of whoever takes the pictures are nobody's business.
    s.window.findChild(SupportDialog).reject()
    await eventually(lambda: not s.window.findChild(SupportDialog))
    form.parts = (*(part for part in form.parts if part.size_bytes is None), *PARTS)
    dialog = SupportDialog(s.window, s.window._look, form)
    dialog.open()
    await s.camera.take("support-bundle")
    form.progress = 0.62
    form.changed.emit()
    await s.camera.take("support-bundle-writing")
    form.progress, form.written = None, "/home/you/Documents/modelyard-support.zip"
    form.changed.emit()
    await s.camera.take("support-bundle-written")
    form.written = ""
    form.failure = report_of(
        WorkerCrashed(
            "modelyard-support.zip can't be written.",
            "Choose another place.",
            "[Errno 28] No space left on device",
        )
    )
    form.changed.emit()
    await s.camera.take("support-bundle-failed")
    dialog.reject()
    dialog.deleteLater()
