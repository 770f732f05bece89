"""What models need, found out a slice at a time."""

from PySide6.QtCore import QObject

from app.ui.viewmodels import needs
from app.ui.viewmodels.needs import Needs


def test_that_many_needs_are_found_out_while_the_window_goes_on(qtbot, monkeypatch):
    monkeypatch.setattr(needs, "SLICE_SECONDS", 0.0)
    parent = QObject()
    found = Needs(lambda model_id: None if model_id == "b" else len(model_id), parent)
    with qtbot.waitSignal(found.completed):
        assert found.of(["a", "b", "ccc"]) == {"a": 1}
    assert found.of(["a", "b", "ccc"]) == {"a": 1, "ccc": 3}


def test_that_what_changed_is_asked_for_again(qapp):
    parent, answers = QObject(), {"a": 1, "b": 2}
    found = Needs(lambda model_id: answers[model_id], parent)
    assert found.of(["a", "b"]) == {"a": 1, "b": 2}
    answers |= {"a": 7, "b": 8}
    found.forget(["a"])
    assert found.of(["a", "b"]) == {"a": 7, "b": 2}
    found.forget(None)
    assert found.of(["a", "b"]) == {"a": 7, "b": 8}
