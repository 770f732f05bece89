"""Whether Qt can open a window here, asked before Qt is imported.

A missing library makes the import of Qt fail with a traceback, and a missing display makes Qt abort
the process; a person should read one sentence instead.
"""

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.bootstrap.system_packages import FONT, PLATFORMS, QT, Need, sentence

NO_DISPLAY = (
    "There is no display to open the window on: start Modelyard from a desktop session, "
    "or set DISPLAY or WAYLAND_DISPLAY to one that runs."
)


@dataclass(frozen=True)
class Probes:
    """The questions that only the system can answer."""

    loads: Callable[[str], bool]
    """Whether the dynamic linker finds a library of this name."""
    answers: Callable[[str, str], bool]
    """Whether the display of this kind ("xcb", "wayland") and name can be connected to."""
    has_font: Callable[[], bool]
    """Whether fontconfig is there and knows any font."""


@dataclass(frozen=True)
class Shortfall:
    """Why a window can't be opened: libraries or fonts are missing, or else the display."""

    needs: tuple[Need, ...] = ()


def check(environ: Mapping[str, str]) -> str | None:
    """Why the window can't be opened here and what to do, in words; None when it can."""
    return message(shortfall(environ))


def shortfall(environ: Mapping[str, str]) -> Shortfall | None:
    """What keeps the window from being opened on this machine, or None."""
    if sys.platform != "linux":
        return None
    return find_shortfall(environ, _real_probes())


def message(found: Shortfall | None) -> str | None:
    """The words for a shortfall on this machine; None for none."""
    if found is None:
        return None
    return name_needs(found.needs) if found.needs else NO_DISPLAY


def name_needs(needs: Sequence[Need]) -> str:
    """What this machine lacks, and the line that installs it here."""
    return sentence(needs, os_release(), root=hasattr(os, "geteuid") and os.geteuid() == 0)


def os_release() -> Mapping[str, str]:
    """The distribution's own description of itself; empty where it gives none."""
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release()
    return {}


def find_shortfall(environ: Mapping[str, str], probes: Probes) -> Shortfall | None:
    """What keeps Qt from opening a window, or None.

    Qt tries the displays in turn, so one that works is enough. What is missing is named for the
    display that needs the least.
    """
    displays = _displays(environ)
    if not displays:
        return Shortfall()
    base = [need for need in QT if not probes.loads(need.what)]
    if not probes.has_font():
        base.append(FONT)
    wanting = [_missing_for(kind, probes) for kind, _ in displays]
    if base or all(wanting):
        return Shortfall((*base, *min(wanting, key=len)))
    complete = [display for display, lacks in zip(displays, wanting, strict=True) if not lacks]
    return None if any(_reachable(*display, probes) for display in complete) else Shortfall()


def _displays(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The platform plugins that Qt will try, with the display that each would open."""
    displays = {
        "wayland": environ.get("WAYLAND_DISPLAY", ""),
        "xcb": environ.get("DISPLAY", ""),
    }
    chosen = environ.get("QT_QPA_PLATFORM", "")
    if chosen:
        kinds = [part.partition(":")[0] for part in chosen.split(";")]
        return [(kind, displays.get(kind, "")) for kind in kinds]
    return [(kind, name) for kind, name in displays.items() if name]


def _missing_for(kind: str, probes: Probes) -> Sequence[Need]:
    return [need for need in PLATFORMS.get(kind, ()) if not probes.loads(need.what)]


def _reachable(kind: str, name: str, probes: Probes) -> bool:
    return kind not in PLATFORMS or probes.answers(kind, name)


def _real_probes() -> Probes:
    return Probes(loads=_loads, answers=_answers, has_font=_has_font)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _answers(kind: str, name: str) -> bool:
    return _x_server_answers(name) if kind == "xcb" else _compositor_answers(name)


def _x_server_answers(name: str) -> bool:
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(name.encode(), None))
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)


def _compositor_answers(name: str) -> bool:
    wayland = ctypes.CDLL("libwayland-client.so.0")
    wayland.wl_display_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(wayland.wl_display_connect(name.encode() or None))
    if connection.value is None:
        return False
    wayland.wl_display_disconnect(connection)
    return True


class _FontSet(ctypes.Structure):
    # The head of fontconfig's FcFontSet; the count is all that is read.
    _fields_ = (("count", ctypes.c_int),)


def _has_font() -> bool:
    try:
        fontconfig = ctypes.CDLL("libfontconfig.so.1")
    except OSError:
        return False
    fontconfig.FcInit()
    fontconfig.FcConfigGetFonts.restype = ctypes.POINTER(_FontSet)
    fonts = fontconfig.FcConfigGetFonts(None, 0)
    return bool(fonts) and fonts.contents.count > 0
