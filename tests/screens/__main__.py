"""`python -m tests.screens OUT_DIR`: every page as PNG files, in light and dark.

The window, the manager, the state and the models are real; only the screen isn't.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

FIRST_OF_ACCOUNTS = 100
"""Their numbers stay when other pictures come before them."""


def main() -> int:
    """Render into the folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to write PNG files into")
    parser.add_argument("--accounts", action="store_true", help="only those of accounts and keys")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_API"] = "pyside6"
    # Qt reads the platform when it is imported.
    from app.bootstrap.event_loop import WindowLoop
    from app.bootstrap.window import start_application
    from tests.screens.accounts import render_accounts
    from tests.screens.scenes import render

    application = start_application()
    with (
        tempfile.TemporaryDirectory(prefix="modelyard-screens-") as folder,
        asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner,
    ):
        if not arguments.accounts:
            runner.run(render(Path(folder), out))
        runner.run(render_accounts(Path(folder, "accounts"), out, FIRST_OF_ACCOUNTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
