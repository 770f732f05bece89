"""What the command line asks for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from app import __version__


@dataclass(frozen=True)
class Scan:
    """List the models below a folder."""

    folder: str
    json: bool


@dataclass(frozen=True)
class OpenWindow:
    """Open the window, and add these files and folders to the library."""

    paths: tuple[str, ...]


def parse(arguments: Sequence[str]) -> Scan | OpenWindow:
    """The command behind the arguments; ends the program for --help, --version and mistakes."""
    if arguments[:1] == ["scan"]:
        parser = argparse.ArgumentParser(
            "modelyard scan", description="List the models in a folder."
        )
        parser.add_argument("folder", help="the folder to look in, at any depth")
        parser.add_argument("--json", action="store_true", help="print one JSON object per model")
        options = parser.parse_args(arguments[1:])
        return Scan(folder=options.folder, json=options.json)
    parser = argparse.ArgumentParser(
        "modelyard",
        description="Find, load, hot-swap, profile and compare AI models.",
        epilog="modelyard scan FOLDER [--json] lists the models in a folder without opening the window.",
    )
    parser.add_argument("--version", action="version", version=f"Modelyard {__version__}")
    parser.add_argument("path", nargs="*", help="model files or folders to add to the library")
    return OpenWindow(paths=tuple(parser.parse_args(arguments).path))
