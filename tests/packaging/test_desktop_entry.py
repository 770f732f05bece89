"""What makes a Linux desktop offer the program for model files."""

import configparser
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from app.bootstrap.window import DESKTOP_NAME
from app.cli.arguments import OpenWindow, parse
from tests.support.models import write_llama

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "packaging" / "linux"
SPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"


def entry():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(LINUX / "modelyard.desktop")
    return parser["Desktop Entry"]


def test_that_the_desktop_starts_the_command_with_the_files():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    command, files = entry()["Exec"].split()
    assert command in scripts
    assert files == "%F"
    assert parse(["/a.gguf", "/b"]) == OpenWindow(("/a.gguf", "/b"))


def test_that_the_window_is_known_by_the_entrys_name_and_icon():
    name = (LINUX / "modelyard.desktop").stem
    assert name == DESKTOP_NAME
    assert entry()["StartupWMClass"] == name
    assert (ROOT / "icons" / f"{entry()['Icon']}.svg").is_file()


def test_that_model_files_are_known_by_what_they_begin_with_and_by_their_name(tmp_path):
    root = ElementTree.fromstring((LINUX / "modelyard-mime.xml").read_text())  # noqa: S314 - our own
    kind = root.find(f"{SPACE}mime-type")
    assert kind.get("type") in entry()["MimeType"].split(";")
    file = write_llama(tmp_path / "tiny.gguf")
    match = kind.find(f"{SPACE}magic/{SPACE}match")
    assert match.get("offset") == "0"
    assert file.read_bytes().startswith(match.get("value").encode())
    assert file.match(kind.find(f"{SPACE}glob").get("pattern"))
