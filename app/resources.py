"""Finding resources/ and icons/ from a checkout, an installed wheel and a frozen bundle."""

import sys
from pathlib import Path


def _root() -> Path:
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        return Path(frozen)
    package = Path(__file__).resolve().parent
    packed = package / "_data"
    return packed if packed.is_dir() else package.parent


def resource(name: str) -> Path:
    """The file or folder `name` below resources/."""
    return _root() / "resources" / name


def icon(name: str) -> Path:
    """The file `name` below icons/."""
    return _root() / "icons" / name
