"""Settings apply at once, and refusals stand where they arose."""

from collections.abc import Mapping
from contextlib import asynccontextmanager

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton, QWidget

from app.domain.accounts import ProviderKind
from app.domain.base import Frozen
from app.domain.errors import SettingError
from app.domain.models import Basis, Capability, CapabilityFact
from app.domain.settings import Settings, variable
from app.domain.settings import Theme as Choice
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.pages.model_chooser import ModelChooser
from app.ui.pages.settings_page import SettingsPage
from app.ui.theme import LIGHT, Theme, style_sheet
from app.ui.viewmodels.settings import read_budget, written_budget
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually, fake_ports, spec


@asynccontextmanager
async def settings(qtbot, world=None, **environment):
    ports = world.ports if world is not None else fake_ports()
    ports.environment.update(environment)
    async with (world or ports).manager() as manager:
        bridge, intents = Bridge(manager), Intents()
        page = SettingsPage(manager, Theme(), intents, bridge)
        qtbot.addWidget(page)
        page.show()
        try:
            yield ports, manager, page
        finally:
            page.close()
            await intents.aclose()
            bridge.close()


def enter(qtbot, page, key, text):
    field = page.findChild(QLineEdit, f"setting_{key}")
    field.clear()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


async def test_that_a_choice_of_theme_is_kept_at_once(qtbot):
    async with settings(qtbot) as (ports, manager, page):
        box = page.findChild(QComboBox, "setting_theme")
        box.setFocus()
        qtbot.keyClicks(box, "Dark")
        await eventually(lambda: manager.settings.current().theme is Choice.DARK)
        assert ports.store.kept_settings["theme"] == '"dark"'


async def test_that_numbers_are_taken_on_enter_and_emptied_to_automatic(qtbot):
    async with settings(qtbot) as (_, manager, page):
        enter(qtbot, page, "context_length", "2048")
        await eventually(lambda: manager.settings.current().context_length == 2048)
        enter(qtbot, page, "context_length", "")
        await eventually(lambda: manager.settings.current().context_length is None)


async def test_that_a_refused_value_says_why_in_place_until_it_is_mended(qtbot):
    async with settings(qtbot) as (_, manager, page):
        row = page._rows["max_tokens"]
        enter(qtbot, page, "max_tokens", "many")
        await eventually(lambda: row.error)
        said = "Longest answer must be a whole number from 1 to 1,048,576. Choose another value."
        assert row.error == said
        assert manager.settings.current().max_tokens == 1024
        enter(qtbot, page, "max_tokens", "12")
        await eventually(lambda: manager.settings.current().max_tokens == 12)
        assert not row.error


async def test_that_a_refusal_has_no_frame_of_its_own(qtbot):
    sheet = style_sheet(LIGHT)
    assert 'QFrame[role="error"]' not in sheet
    assert "QFrame#error_box" in sheet


async def test_that_the_last_of_several_quick_changes_wins(qtbot):
    async with settings(qtbot) as (_, manager, page):
        for value in (10, 20, 30):
            page.view_model.set("max_tokens", value)
        await eventually(lambda: not page.view_model._intents.running("save settings"))
        assert manager.settings.current().max_tokens == 30


async def test_that_a_setting_of_the_environment_is_locked_with_its_reason(qtbot):
    async with settings(qtbot, MODEL_MANAGER_THREADS="3") as (_, _, page):
        field = page.findChild(QLineEdit, "setting_threads")
        assert not field.isEnabled()
        assert field.text() == "3"
        assert "MODEL_MANAGER_THREADS" in page._rows["threads"].hint


LOCKED = {
    "default_provider": "elsewhere",
    "default_model": "Llama",
    "auto_load_default": "true",
    "max_loaded": "2",
    "memory_budget": "0.5",
    "time_to_live_minutes": "15",
    "persistence": "off",
    "performance_tracking": "off",
    "auto_switch": "on",
    "auto_switch_threshold": "50",
    "profile_after_first_load": "1",
    "monthly_budget": "20",
    "budget_stops": "on",
}


async def test_that_every_row_that_the_environment_sets_is_locked_and_names_the_variable(qtbot):
    environment = {variable(key): text for key, text in LOCKED.items()}
    async with settings(qtbot, **environment) as (_, manager, page):
        assert manager.settings.current().default_model == "Llama"
        for key in LOCKED:
            row = page._rows[key]
            assert not page.findChild(QWidget, f"setting_{key}").isEnabled(), key
            assert variable(key) in row.hint


async def test_that_every_setting_has_a_row(qtbot):
    async with settings(qtbot) as (_, _, page):
        for key, field in Settings.model_fields.items():
            default = field.get_default(call_default_factory=True)
            # What holds many values has a face of its own, or is the window's alone.
            if isinstance(default, Mapping | Frozen):
                continue
            assert page.findChild(QWidget, f"setting_{key}") is not None, key


async def test_that_the_place_of_the_state_is_told_with_what_chose_it(qtbot):
    async with settings(qtbot) as (_, manager, page):
        place = page.findChild(QLabel, "setting_persistence_path")
        assert "MODEL_MANAGER_PERSISTENCE_PATH moves it" in place.text()
        with pytest.raises(SettingError, match="before Modelyard starts"):
            await manager.settings.set("persistence_path", "/elsewhere")
    async with settings(qtbot, MODEL_MANAGER_PERSISTENCE_PATH="/elsewhere") as (_, _, page):
        place = page.findChild(QLabel, "setting_persistence_path")
        assert "/elsewhere" in place.text()
        assert "Set by the environment variable MODEL_MANAGER_PERSISTENCE_PATH" in place.text()


async def test_that_a_budget_for_a_month_is_taken_with_cents_and_refused_in_place(qtbot):
    async with settings(qtbot) as (_, manager, page):
        enter(qtbot, page, "monthly_budget", "12.50")
        await eventually(lambda: manager.settings.current().monthly_budget == 12.5)
        await eventually(lambda: page._fields["monthly_budget"].text() == "12.5")
        enter(qtbot, page, "monthly_budget", "0")
        await eventually(lambda: page._rows["monthly_budget"].error)
        said = "Budget for a month must be an amount of US dollars from 0.01 to 1,000,000."
        assert page._rows["monthly_budget"].error.startswith(said)
        enter(qtbot, page, "monthly_budget", "")
        await eventually(lambda: manager.settings.current().monthly_budget is None)


async def chooser(page) -> ModelChooser:
    press(page, "setting_default_model")
    await eventually(lambda: page.window().findChild(ModelChooser))
    return page.window().findChild(ModelChooser)


def press(widget, name: str) -> None:
    QTest.mouseClick(widget.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


async def test_that_a_default_model_is_chosen_from_the_known_ones(qtbot):
    async with settings(qtbot) as (_, manager, page):
        embeds = CapabilityFact(
            capability=Capability.EMBEDDING, value=True, source="header", basis=Basis.HEADER
        )
        await manager._registry.keep(
            [spec("Llama"), spec("Qwen 7"), spec("Embed", capabilities=(embeds,))]
        )
        button = page.findChild(QPushButton, "setting_default_model")
        assert button.text() == "None"
        dialog = await chooser(page)
        model = dialog.table.model()
        rows = [model.index(row, 0).data() for row in range(model.rowCount())]
        assert rows == ["Llama", "Qwen 7"]
        QTest.keyClicks(dialog.search, "qwen")
        assert model.rowCount() == 1
        QTest.keyClick(dialog.search, Qt.Key.Key_Return)
        await eventually(lambda: manager.settings.current().default_model == "local:Qwen 7")
        await eventually(lambda: button.text() == "Qwen 7")
        dialog = await chooser(page)
        QTest.keyClicks(dialog.search, "nothing like it")
        assert not dialog.take.isEnabled()
        dialog.reject()
        await eventually(lambda: not page.window().findChild(ModelChooser))
        assert manager.settings.current().default_model == "local:Qwen 7"
        await chooser(page)
        press(page.window(), "choose_other")
        await eventually(lambda: manager.settings.current().default_model is None)
        await eventually(lambda: button.text() == "None")


async def test_that_the_check_box_takes_clicks_on_its_words(qtbot):
    async with settings(qtbot) as (_, manager, page):
        box = page.findChild(QCheckBox, "setting_restore_on_start")
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=box.rect().center())
        await eventually(lambda: manager.settings.current().restore_on_start)


async def test_that_folders_are_listed_and_can_be_removed(qtbot):
    async with settings(qtbot) as (ports, manager, page):
        ports.files.disk["/models"] = []
        await manager.library.add_folder("/models")
        await eventually(lambda: page._folders.count() == 1)
        asked = []
        page.requested.connect(lambda *request: asked.append(request))
        row = page._folders.itemAt(0).widget()
        row.layout().itemAt(1).widget().click()
        assert asked == [("remove_folder", "/models")]


@pytest.mark.parametrize(
    ("typed", "value", "shown"),
    [
        ("75 %", 0.75, "75 %"),
        ("100%", 1.0, "100 %"),
        ("12 GB", 12e9, "12 GB"),
        ("1,5", 1.5e9, "1.5 GB"),
        ("500 mb", 5e8, "0.5 GB"),
        ("", None, ""),
    ],
)
def test_that_a_budget_is_read_as_it_is_written(typed, value, shown):
    assert read_budget(typed) == value
    assert written_budget(value) == shown


def test_that_what_is_no_budget_is_left_to_be_refused():
    assert read_budget("much") == "much"
    assert read_budget("150 %") == pytest.approx(1.5)


async def test_that_what_remote_models_may_cost_is_asked_once_there_is_an_account(qtbot, tmp_path):
    async with settings(qtbot, FakeWorld(tmp_path)) as (_, manager, page):
        assert not page._fields["monthly_budget"].isVisible()
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await eventually(page._fields["monthly_budget"].isVisible)
        await manager.accounts.remove(account)
        await eventually(lambda: not page._fields["monthly_budget"].isVisible())
