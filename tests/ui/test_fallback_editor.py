"""The order in which models stand in, as the Settings change it."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton

from app.domain.accounts import ProviderKind
from app.domain.models import ACTIVE, ModelId
from app.domain.settings import variable
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually, spec
from tests.ui.money import Desk, desk

LLAMA, ALPHA, BETA = ModelId("local:Llama"), ModelId("ollama:alpha"), ModelId("ollama:beta")


def editor(d: Desk):
    return d.window.settings_page.fallbacks


def orders(d: Desk) -> dict:
    return d.manager.settings.current().fallbacks


def add(d: Desk, name: str) -> None:
    box = editor(d).findChild(QComboBox, "fallback_add")
    at = box.findText(name)
    assert at > 0, name
    box.activated.emit(at)


def press(d: Desk, name: str, at: int) -> None:
    buttons = [b for row in editor(d)._buttons for b in row if b.objectName() == name]
    QTest.mouseClick(buttons[at], Qt.MouseButton.LeftButton)


async def opened(d: Desk) -> None:
    await d.manager.accounts.refresh(await d.manager.accounts.add(ProviderKind.OLLAMA))
    d.window.show_page("settings")
    await eventually(lambda: editor(d).add.findText("beta, Ollama") > 0)


def world(tmp_path) -> FakeWorld:
    here = FakeWorld(tmp_path)
    here.ports.offer(spec("Llama"))
    return here


async def test_that_models_are_added_ordered_and_removed(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world(tmp_path)) as d:
        await opened(d)
        none = editor(d).findChild(QLabel, "fallback_none")
        assert none.isVisible()
        for name, model in (("beta, Ollama", BETA), ("Llama", LLAMA), ("alpha, Ollama", ALPHA)):
            add(d, name)
            await eventually(lambda model=model: orders(d).get(ACTIVE, ())[-1:] == (model,))
        await eventually(lambda: len(editor(d)._buttons) == 3)
        assert not none.isVisible()
        assert editor(d).add.findText("Llama") < 0
        press(d, "fallback_up", 2)
        await eventually(lambda: orders(d)[ACTIVE] == (BETA, ALPHA, LLAMA))
        await eventually(lambda: editor(d)._shown[1].id == ALPHA)
        for left in (2, 1, 0):
            press(d, "fallback_remove", 0)
            await eventually(lambda left=left: len(editor(d)._buttons) == left)
        assert orders(d) == {}


async def test_that_each_alias_has_an_order_of_its_own(qtbot, tmp_path) -> None:
    async with desk(tmp_path, world(tmp_path)) as d:
        await opened(d)
        await d.manager.models.assign_alias("coder", ALPHA)
        box = editor(d).alias
        await eventually(lambda: box.findText("coder") > 0)
        box.setCurrentIndex(box.findText("coder"))
        box.activated.emit(box.currentIndex())
        add(d, "Llama")
        await eventually(lambda: orders(d) == {"coder": (LLAMA,)})
        box.activated.emit(0)
        assert editor(d).findChild(QLabel, "fallback_none").isVisible()


async def test_that_an_order_of_the_environment_is_locked_and_a_model_that_is_gone_is_named(
    qtbot, tmp_path
) -> None:
    here = world(tmp_path)
    here.ports.environment[variable("fallbacks")] = '{"active": ["local:Gone"]}'
    async with desk(tmp_path, here) as d:
        await opened(d)
        assert not editor(d).add.isEnabled()
        assert editor(d)._shown[0].name == "local:Gone (gone)"
        for button in editor(d).findChildren(QPushButton):
            assert not button.isEnabled()
            assert button.accessibleName()
