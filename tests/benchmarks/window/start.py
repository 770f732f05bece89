"""From the start of the program to its first picture, against a window with nothing in it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.arms import ROOT, Arm, environment, interleave
from tests.benchmarks.judging import Effort, ratio_part, worst_part
from tests.benchmarks.manager.made_up import state_of
from tests.benchmarks.rows import Bar, Row, unmeasured

MODELS = 1_000
HEAVY = ("openai", "anthropic", "llama_cpp", "fastapi")
PAIRS = 2
"""So many times the rounds of other rows: the issue's table asks for twenty pairs."""

WATCH = """
import sys, time
def watched():
    from PySide6.QtCore import QEvent, QObject
    class Watch(QObject):
        at = 0.0
        def eventFilter(self, watched, event):
            if event.type() is QEvent.Type.Paint and not self.at:
                self.at = time.time()
            return False
    return Watch()
"""
EMPTY = (
    WATCH
    + """
from PySide6.QtWidgets import QApplication, QMainWindow
application = QApplication(sys.argv[:1])
watch = watched()
application.installEventFilter(watch)
window = QMainWindow()
window.resize(1280, 800)
window.show()
while not watch.at:
    application.processEvents()
print(watch.at, watch.at, "", flush=True)
import os
os._exit(0)
"""
)
WHOLE = (
    WATCH
    + """
import os
os.environ["MODEL_MANAGER_PERSISTENCE_PATH"] = sys.argv[1]
from app.bootstrap.instance import claim_state
claiming = claim_state(os.environ, ())
claim = claiming.__enter__()
from app.bootstrap.state import begin_state
beginning = begin_state(os.environ, kept=claim.kept)
state = beginning.__enter__()
import asyncio
from app.bootstrap.event_loop import WindowLoop
from app.bootstrap.window import open_window, start_application
from app.ui.theme import Theme
application = start_application()
watch = watched()
application.installEventFilter(watch)
async def show():
    async with open_window(Theme(application), state.database, {}, state.opening()) as window:
        while not watch.at:
            await asyncio.sleep(0)
        heavy = [name for name in sys.modules if name in sys.argv[2:]]
        rows = watched()
        browser = window.library_page.browser
        while not browser.model().rowCount():
            await asyncio.sleep(0)
        browser.viewport().installEventFilter(rows)
        browser.viewport().update()
        while not rows.at:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        print(watch.at, time.time(), ",".join(heavy), flush=True)
        os._exit(0)
with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
    runner.run(show())
"""
)


def first(whole: bool) -> dict[str, Any]:
    """Seconds from a process's start to its first paint, and until its rows are there."""
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        state = Path(folder) / "state.db"
        shutil.copyfile(state_of(MODELS), state)
        surroundings = {
            **environment(),
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPYCACHEPREFIX": str(
                Path(tempfile.gettempdir()) / f"modelyard-{os.getuid()}-pyc"
            ),
        }
        surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
        program = WHOLE if whole else EMPTY
        run = [sys.executable, "-c", program, str(state), *HEAVY]
        # The first start makes the day's backup and the bytecode, the second one counts.
        for _ in range(2):
            start = time.time()
            ended = subprocess.run(
                run, check=True, capture_output=True, text=True, cwd=ROOT, env=surroundings
            )
        painted, live, *heavy = ended.stdout.split()
    return {"painted": float(painted) - start, "live": float(live) - start, "heavy": heavy}


def painted(effort: Effort) -> list[Row]:
    """The window against an empty one."""
    arms = {
        "window": Arm(f"{__name__}:first", {"whole": True}),
        "empty": Arm(f"{__name__}:first", {"whole": False}),
        "twin": Arm(f"{__name__}:first", {"whole": False}),
    }
    outcomes = interleave(PAIRS * effort.rounds, arms)
    window, empty, twin = outcomes.values()
    # An empty window has nothing more to come: its rows are there with its first paint.
    parts = [
        ratio_part("first paint", Bar(2.5, ""), window, empty, "painted", twin=twin),
        ratio_part("rows and actions live", Bar(4, ""), window, empty, "live", twin=twin),
    ]
    return [Row("process start to first paint / the same for an empty QMainWindow", parts)]


def imports(_: Effort) -> list[Row]:
    """What takes long to import and isn't needed yet."""
    outcome = interleave(1, {"window": Arm(f"{__name__}:first", {"whole": True})})["window"]
    none = Bar(0, "packages")
    if outcome.failure:
        part = unmeasured("imported", none, outcome.failure)
    else:
        heavy = outcome.results[0]["heavy"]
        part = worst_part("imported", none, [len(heavy)], note=", ".join(heavy))
    return [Row("SDKs, llama_cpp, FastAPI imported before first paint", [part])]
