import sys
from pathlib import Path

import pytest

from app import resources


def test_that_a_checkout_finds_its_icons() -> None:
    assert resources.icon("modelyard.svg").is_file()


def test_that_a_bundle_finds_what_it_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resources.icon("a.svg") == tmp_path / "icons" / "a.svg"
    assert resources.resource("b") == tmp_path / "resources" / "b"
