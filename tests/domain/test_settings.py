"""What the user can set, and the one table that tells of it."""

import json
import re
from pathlib import Path

import pytest

from app.domain.settings import Settings, persistence_chosen, variable

README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(r"\| `(\w+)` \| `(MODEL_MANAGER_\w+)` \| (\S+) \|")


def test_that_the_table_and_the_settings_agree() -> None:
    rows = {key: (name, default) for key, name, default in ROW.findall(README.read_text())}
    fields = {key: field for key, field in Settings.model_fields.items() if key != "window"}
    assert rows.keys() == fields.keys()
    for key, (name, default) in rows.items():
        assert name == variable(key)
        value = fields[key].get_default(call_default_factory=True)
        said = value if isinstance(value, str) else json.dumps(value)
        assert default.strip("`") == ("none" if value is None else said), key


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("off", False), ("false", False), ("0", False), ("on", True), ("true", True), ("maybe", None)],
)
def test_that_persistence_is_understood_before_anything_is_opened(text, chosen) -> None:
    assert persistence_chosen({"MODEL_MANAGER_PERSISTENCE": text}) is chosen
    assert persistence_chosen({}) is None
