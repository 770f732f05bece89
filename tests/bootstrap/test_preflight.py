"""The sentence that a person reads where Qt would crash, and the truth behind its list."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PySide6
import pytest

from app.bootstrap import preflight
from app.bootstrap.preflight import Probes, Shortfall, find_shortfall
from app.bootstrap.system_packages import FONT, PLATFORMS, QT, Need, install_line, sentence

XCB = PLATFORMS["xcb"]
DEBIAN = {"ID": "debian"}


def probes(*, lacking: tuple[str, ...] = (), display: bool = True, font: bool = True) -> Probes:
    return Probes(
        loads=lambda name: not name.startswith(lacking),
        answers=lambda kind, name: display,
        has_font=lambda: font,
    )


def names(shortfall: Shortfall | None) -> list[str]:
    assert shortfall is not None
    return [need.what for need in shortfall.needs]


def test_that_a_complete_system_with_a_display_has_no_shortfall() -> None:
    for environ in ({"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}):
        assert find_shortfall(environ, probes()) is None


def test_that_no_display_is_a_shortfall_without_needs() -> None:
    assert find_shortfall({}, probes()) == Shortfall()
    assert find_shortfall({"DISPLAY": ":0"}, probes(display=False)) == Shortfall()


def test_that_the_offscreen_platform_needs_no_display_and_no_xcb() -> None:
    environ = {"QT_QPA_PLATFORM": "offscreen"}
    assert find_shortfall(environ, probes(display=False, lacking=("libxcb",))) is None


def test_that_missing_libraries_and_fonts_are_named() -> None:
    environ = {"DISPLAY": ":0"}
    found = find_shortfall(environ, probes(lacking=("libEGL", "libxcb-cursor")))
    assert names(found) == ["libEGL.so.1", "libxcb-cursor.so.0"]
    assert names(find_shortfall(environ, probes(font=False))) == [FONT.what]


def test_that_one_working_display_is_enough() -> None:
    both = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    assert find_shortfall(both, probes(lacking=("libwayland",))) is None
    assert find_shortfall(both, probes(lacking=("libxcb",))) is None
    nothing = find_shortfall(both, probes(lacking=("libwayland", "libxcb")))
    assert names(nothing) == [need.what for need in PLATFORMS["wayland"]]


@pytest.mark.parametrize(
    ("os_release", "line"),
    [
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "sudo apt-get install -y libegl1"),
        ({"ID": "fedora"}, "sudo dnf install -y libglvnd-egl"),
        ({"ID": "arch"}, "sudo pacman -S --needed libglvnd"),
        (
            {"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"},
            "sudo zypper install -y libEGL1",
        ),
        ({"ID": "unheard-of"}, None),
        ({}, None),
    ],
)
def test_that_the_line_is_the_distributions_own(
    os_release: dict[str, str], line: str | None
) -> None:
    egl = next(need for need in QT if need.what == "libEGL.so.1")
    assert install_line([egl], os_release, root=False) == line


def test_that_a_package_is_named_once_and_root_needs_no_sudo() -> None:
    glib = [need for need in QT if need.apt == "libglib2.0-0"]
    assert len(glib) == 2
    assert install_line(glib, DEBIAN, root=True) == "apt-get install -y libglib2.0-0"


def test_that_the_sentence_names_what_is_missing_even_on_an_unknown_system() -> None:
    assert sentence([FONT], {}, root=False).startswith("This system lacks a font.")
    assert "libGL.so.1 and libEGL.so.1" in sentence(QT[:2], DEBIAN, root=False)


def test_that_this_machine_passes_offscreen_and_fails_on_a_dead_display() -> None:
    assert preflight.check({"QT_QPA_PLATFORM": "offscreen"}) is None
    probe = preflight._real_probes()
    assert not probe.loads("libmodelyard-is-not-there.so.1")
    if probe.loads("libxcb.so.1"):
        assert not probe.answers("xcb", ":7654")


def test_that_asking_imports_no_qt() -> None:
    code = (
        "import sys; from app.bootstrap import preflight;"
        "preflight.check({'QT_QPA_PLATFORM': 'offscreen'});"
        "sys.exit(any(name.startswith(('PySide6', 'shiboken')) for name in sys.modules))"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=dict(os.environ))


def needed(library: Path) -> Iterator[str]:
    """The DT_NEEDED names of a 64-bit little-endian ELF file."""
    data = library.read_bytes()
    sections, size, count = (
        struct.unpack_from("<Q", data, 0x28)[0],
        *struct.unpack_from("<HH", data, 0x3A),
    )
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", data, sections + index * size) for index in range(count)
    ]
    dynamic = next(header for header in headers if header[1] == 6)
    strings = headers[dynamic[6]][4]
    for offset in range(dynamic[4], dynamic[4] + dynamic[5], 16):
        tag, value = struct.unpack_from("<QQ", data, offset)
        if tag == 1:
            start = strings + value
            yield data[start : data.index(b"\0", start)].decode()


@pytest.mark.parametrize(
    ("library", "listed"),
    [
        *((f"lib/libQt6{name}.so.6", QT) for name in ("Core", "Gui", "DBus", "Widgets", "Svg")),
        ("plugins/platforms/libqoffscreen.so", QT),
        ("lib/libQt6XcbQpa.so.6", (*QT, *XCB)),
        ("plugins/platforms/libqxcb.so", (*QT, *XCB)),
        ("plugins/platforms/libqwayland.so", (*QT, *PLATFORMS["wayland"])),
    ],
)
def test_that_the_lists_hold_every_system_library_that_qt_is_linked_with(
    library: str, listed: tuple[Need, ...]
) -> None:
    # What any system with a Python and a compiler's runtime has, and what the wheel brings itself.
    given = ("libQt6", "libicu", "libc.", "libm.", "libdl.", "libpthread.", "libstdc++", "libgcc_s")
    asked = set(needed(Path(PySide6.__file__).parent / "Qt" / library))
    wanted = {name for name in asked if not name.startswith((*given, "ld-linux", "librt."))}
    assert wanted <= {need.what for need in listed}
