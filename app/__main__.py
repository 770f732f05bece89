"""The program's one door: a worker, a subcommand, or the window."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.bootstrap.instance import Claim
    from app.cli.arguments import OpenWindow

# ruff: noqa: PLC0415 - each door imports only what lies behind it: a worker starts in milliseconds
# and never sees Qt or settings, a subcommand never sees Qt.


def main(argv: list[str] | None = None) -> int:
    """Run what the arguments ask for and return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--worker", "read"]:
        from app.library.reading_process import run as read

        return read()
    if arguments[:1] == ["--worker"]:
        from app.worker.serve import run

        return run(arguments[1:])
    from app.cli.arguments import Scan, parse

    command = parse(arguments)
    if isinstance(command, Scan):
        from app.bootstrap.core import run_scan

        return run_scan(command)
    from app.bootstrap.instance import claim_state

    with claim_state(os.environ, command.paths) as claim:
        if claim.problem:
            sys.stderr.write(f"{claim.problem}\n")
        return _run_first(command, claim) if claim.first else int(bool(claim.problem))


def _run_first(command: "OpenWindow", claim: "Claim") -> int:
    from app.bootstrap.preflight import check

    obstacle = check(os.environ)
    if obstacle is not None:
        sys.stderr.write(f"{obstacle}\n")
        return 2
    from app.bootstrap.state import begin_state

    with begin_state(os.environ, kept=claim.kept) as state:
        from app.bootstrap.window import run_window

        return run_window(command, state, claim.reception)


if __name__ == "__main__":
    sys.exit(main())
