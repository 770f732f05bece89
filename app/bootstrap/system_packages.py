"""What the system must bring, and the one line that installs it on each Linux distribution."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Need(NamedTuple):
    """One thing that only the system can provide, and the package that holds it."""

    what: str
    """The name a person sees: a library's file name, or words."""
    apt: str
    dnf: str
    pacman: str
    zypper: str


FONT = Need("a font", "fonts-dejavu-core", "dejavu-sans-fonts", "ttf-dejavu", "dejavu-fonts")
COMPILER = Need("a C++ compiler", "g++", "gcc-c++", "gcc", "gcc-c++")
VENV = Need("Python's venv module", "python3-venv", "python3-pip", "python", "python3-pip")

# Every Qt program: what the Qt6Core, Qt6Gui, Qt6DBus and Qt6Widgets libraries are linked with.
QT = (
    Need("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd", "libGL1"),
    Need("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd", "libEGL1"),
    Need("libX11.so.6", "libx11-6", "libX11", "libx11", "libX11-6"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig", "fontconfig"),
    Need("libfreetype.so.6", "libfreetype6", "freetype", "freetype2", "libfreetype6"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    Need("libgthread-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libgthread-2_0-0"),
    Need("libz.so.1", "zlib1g", "zlib", "zlib", "libz1"),
    Need("libzstd.so.1", "libzstd1", "libzstd", "zstd", "libzstd1"),
)

# The plugins that open a window on an X server and on a Wayland compositor.
PLATFORMS: Mapping[str, Sequence[Need]] = {
    "xcb": (
        Need("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
        Need("libxcb.so.1", "libxcb1", "libxcb", "libxcb", "libxcb1"),
        Need(
            "libxcb-cursor.so.0",
            "libxcb-cursor0",
            "xcb-util-cursor",
            "xcb-util-cursor",
            "libxcb-cursor0",
        ),
        Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
        Need(
            "libxcb-image.so.0",
            "libxcb-image0",
            "xcb-util-image",
            "xcb-util-image",
            "libxcb-image0",
        ),
        Need(
            "libxcb-keysyms.so.1",
            "libxcb-keysyms1",
            "xcb-util-keysyms",
            "xcb-util-keysyms",
            "libxcb-keysyms1",
        ),
        Need("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
        Need("libxcb-render.so.0", "libxcb-render0", "libxcb", "libxcb", "libxcb-render0"),
        Need(
            "libxcb-render-util.so.0",
            "libxcb-render-util0",
            "xcb-util-renderutil",
            "xcb-util-renderutil",
            "libxcb-render-util0",
        ),
        Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
        Need("libxcb-shm.so.0", "libxcb-shm0", "libxcb", "libxcb", "libxcb-shm0"),
        Need("libxcb-sync.so.1", "libxcb-sync1", "libxcb", "libxcb", "libxcb-sync1"),
        Need("libxcb-util.so.1", "libxcb-util1", "xcb-util", "xcb-util", "libxcb-util1"),
        Need("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb", "libxcb", "libxcb-xfixes0"),
        Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
        Need(
            "libxkbcommon-x11.so.0",
            "libxkbcommon-x11-0",
            "libxkbcommon-x11",
            "libxkbcommon-x11",
            "libxkbcommon-x11-0",
        ),
    ),
    "wayland": (
        Need(
            "libwayland-client.so.0",
            "libwayland-client0",
            "libwayland-client",
            "wayland",
            "libwayland-client0",
        ),
        Need(
            "libwayland-cursor.so.0",
            "libwayland-cursor0",
            "libwayland-cursor",
            "wayland",
            "libwayland-cursor0",
        ),
    ),
}

COMMANDS = {
    "apt": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed",
    "zypper": "zypper install -y",
}
MANAGERS = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
    "suse": "zypper",
    "opensuse": "zypper",
}


def install_line(needs: Iterable[Need], os_release: Mapping[str, str], *, root: bool) -> str | None:
    """The shell line that installs them; None for a distribution that isn't known.

    Args:
        needs: what is missing.
        os_release: the fields of /etc/os-release.
        root: whether the person may install without sudo.
    """
    names = f"{os_release.get('ID', '')} {os_release.get('ID_LIKE', '')}".split()
    manager = next((MANAGERS[name] for name in names if name in MANAGERS), None)
    if manager is None:
        return None
    packages = " ".join(dict.fromkeys(str(getattr(need, manager)) for need in needs))
    return f"{'' if root else 'sudo '}{COMMANDS[manager]} {packages}"


def sentence(needs: Sequence[Need], os_release: Mapping[str, str], *, root: bool) -> str:
    """What is missing and what to do about it."""
    missing = f"This system lacks {_listed([need.what for need in needs])}."
    line = install_line(needs, os_release, root=root)
    if line is None:
        return f"{missing} Install the packages that hold them with the system's package manager."
    return f"{missing} Install with:\n  {line}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
