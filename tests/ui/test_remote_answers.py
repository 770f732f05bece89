"""Remote models in the Playground, the Library and the Loaded page."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from app.domain.accounts import ProviderKind
from app.domain.conversations import MessageState
from app.domain.error_reports import report_of
from app.domain.errors import (
    AppError,
    BudgetSpent,
    ContentRefused,
    ErrorKind,
    KeyringFailed,
    KeyUnusable,
    NotThatServer,
    Overloaded,
    RateLimited,
    StreamCut,
    Unreachable,
)
from app.domain.generation import Sampling
from app.domain.models import ACTIVE, Lifecycle, ModelId, ModelStatus, RemoteFacts
from app.domain.spending import Price
from app.ui.viewmodels.overview import overview
from app.ui.viewmodels.parameters import PARAMETERS, changed, shown
from app.ui.viewmodels.target import Target
from app.ui.viewmodels.ways_out import (
    CHANGE_ADDRESS,
    EDIT_PROMPT,
    KEPT_NOTE,
    RETRY,
    SET_KEY,
    SHOW_SPENDING,
    of_provider,
)
from tests.support.accounts import FakeWorld, engine_of, remote_spec
from tests.support.fakes import eventually, spec
from tests.ui.money import KEY, Desk, desk

PRICE = Price(input=1, output=10, source="genai-prices", as_of="2026-10-01")
LLAMA = ModelId("local:Llama")


async def talking(d: Desk, kind: ProviderKind = ProviderKind.OPENAI) -> ModelId:
    """An account whose model alpha is active, on the Playground."""
    account = await d.manager.accounts.add(kind)
    await d.manager.keys.set(account, KEY)
    await d.manager.accounts.refresh(account)
    model = ModelId(f"{account}:alpha")
    await d.manager.models.load(model)
    await d.manager.models.switch(model)
    d.window.show_page("playground")
    await eventually(lambda: d.window.playground_page.view_model.current)
    await eventually(lambda: d.window.playground_page.view_model.target.spec is not None)
    return model


def fail(d: Desk, model: ModelId, error: AppError, after: int = 0) -> None:
    engine = engine_of(d.world.connections, model)
    good = type(engine).generate

    async def generate(request):
        seen = 0
        async for update in good(engine, request):
            if seen >= after:
                raise error
            seen += 1
            yield update

    engine.generate = generate


async def ask(d: Desk) -> None:
    playground = d.window.playground_page.view_model
    count = len(playground.current.messages)
    playground.send("Hello")
    await eventually(
        lambda: not playground.answering and len(playground.current.messages) >= count + 2
    )


def error_button(d: Desk, name: str) -> QPushButton:
    return d.window.playground_page._error.findChild(QPushButton, name)


def text(d: Desk) -> str:
    return d.window.playground_page.transcript.toPlainText()


def test_that_each_failure_at_a_provider_has_its_one_action_first() -> None:
    actions = {
        KeyUnusable("a", "b"): SET_KEY,
        KeyringFailed("a", "b"): RETRY,
        NotThatServer("a", "b"): CHANGE_ADDRESS,
        Unreachable("a", "b"): RETRY,
        BudgetSpent("a", "b"): SHOW_SPENDING,
        ContentRefused("a", "b"): EDIT_PROMPT,
        StreamCut("a", "b"): RETRY,
    }
    for error, action in actions.items():
        ways = of_provider(report_of(error), 0)
        assert ways is not None
        assert ways.actions[0] == action
    assert of_provider(report_of(StreamCut("a", "b")), 0).note == KEPT_NOTE
    limited = report_of(RateLimited("a", "b")).model_copy(update={"retry_at": 112.0})
    assert of_provider(limited, 100.0).note == "It asks to wait another 12 s."
    assert of_provider(limited, 113.0).note == "The wait is over."
    assert of_provider(report_of(Overloaded("a", "b")), 0) is None


async def test_that_a_bad_key_leads_to_its_dialog_and_the_same_question_again(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        model = await talking(d)
        fail(d, model, KeyUnusable("OpenAI doesn't take this key.", "Set another one."))
        await ask(d)
        QTest.mouseClick(error_button(d, "error_set_key…"), Qt.MouseButton.LeftButton)
        dialog = await d.dialog("key_dialog")
        assert dialog.form.account.id == "openai"
        del engine_of(d.world.connections, model).generate
        QTest.keyClicks(dialog.findChild(QLineEdit, "secret"), f"{KEY}2")
        QTest.mouseClick(dialog.findChild(QPushButton, "key_save"), Qt.MouseButton.LeftButton)
        await d.gone("key_dialog")
        QTest.mouseClick(error_button(d, "error_retry"), Qt.MouseButton.LeftButton)
        await eventually(lambda: "alpha19" in text(d))


async def test_that_a_wrong_address_leads_to_the_account(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        model = await talking(d)
        fail(d, model, NotThatServer("That is a web page.", "Check the address."))
        await ask(d)
        QTest.mouseClick(error_button(d, "error_change_address…"), Qt.MouseButton.LeftButton)
        dialog = await d.dialog("account_dialog")
        assert dialog.form.former.id == "openai"
        dialog.reject()
        await d.gone("account_dialog")


async def test_that_a_wait_is_counted_down_beside_the_error(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        model = await talking(d)
        limited = RateLimited("OpenAI asks for a pause.", "Wait.")
        limited.retry_at = 4_000_000_000.0
        fail(d, model, limited)
        await ask(d)
        page = d.window.playground_page
        note = page._error.findChild(QLabel, "error_note")
        assert note.text().startswith("It asks to wait another ")
        assert page._wait.isActive()


async def test_that_what_came_before_a_cut_is_kept_and_said_so(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        model = await talking(d)
        fail(d, model, StreamCut("The answer broke off.", "Ask again."), after=3)
        await ask(d)
        assert "alpha0 alpha1 alpha2" in text(d)
        assert "Broke off" in text(d)
        assert "Failed" not in text(d)
        [_, answer] = await d.manager.conversations.messages(
            d.window.playground_page.view_model.current.id
        )
        assert answer.state is MessageState.FAILED
        assert answer.error.kind is ErrorKind.CUT


async def test_that_an_answer_says_for_whom_it_stands_in(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path)
    world.ports.offer(spec("Llama"))
    async with desk(tmp_path, world) as d:
        model = await talking(d)
        await d.manager.settings.set("fallbacks", {ACTIVE: (LLAMA,)})
        fail(d, model, Overloaded("OpenAI is overloaded.", "Try again."))
        await ask(d)
        assert "Instead of alpha: OpenAI is overloaded" in text(d)
        assert "Llama19" in text(d)
        [_, answer] = await d.manager.conversations.messages(
            d.window.playground_page.view_model.current.id
        )
        assert [item.model_name for item in answer.passed_over] == ["alpha"]


async def test_that_an_answer_tells_its_cost_once_the_price_is_known(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path)
    world.prices.known = {"alpha": PRICE}
    async with desk(tmp_path, world) as d:
        await talking(d)
        await ask(d)
        await eventually(lambda: "about $0.0002" in text(d))


# Parameters


def test_that_only_what_a_provider_takes_is_shown() -> None:
    assert shown(None) == PARAMETERS
    assert [item.name for item in shown(frozenset({"seed", "temperature"}))] == [
        "temperature",
        "seed",
    ]
    assert shown(frozenset()) == ()


def test_that_a_parameter_is_taken_refused_and_taken_back() -> None:
    hot = changed(Sampling(), "temperature", "1,5")
    assert hot.temperature == 1.5
    assert changed(hot, "temperature", " ") == Sampling()
    assert changed(hot, "seed", "7").seed == 7
    for name, typed in (("temperature", "hot"), ("top_k", "1.5"), ("top_p", "2"), ("seed", "-1")):
        with pytest.raises(ValueError, match="This takes a"):
            changed(hot, name, typed)


async def test_that_parameters_follow_the_model_and_reach_it(qtbot, tmp_path) -> None:
    world = FakeWorld(tmp_path)
    world.ports.offer(spec("Llama"))
    async with desk(tmp_path, world) as d:
        model = await talking(d)
        page = d.window.playground_page
        panel = page.parameters
        assert not panel.isVisible()
        QTest.mouseClick(page.fold, Qt.MouseButton.LeftButton)
        assert panel.isVisible()
        assert panel.fields["temperature"].isVisible()
        assert not panel.fields["top_k"].isVisible()
        panel.fields["temperature"].setFocus()
        QTest.keyClicks(panel.fields["temperature"], "0.2")
        QTest.keyClick(panel.fields["temperature"], Qt.Key.Key_Return)
        chat = page.view_model.current.id
        await eventually(lambda: d.manager.conversations.get(chat).sampling.temperature == 0.2)
        request = d.manager.conversations.request(chat, ())
        assert request.sampling.temperature == 0.2
        await d.manager.models.load(LLAMA)
        await d.manager.models.switch(LLAMA)
        await eventually(panel.fields["top_k"].isVisible)
        claude = await d.manager.accounts.add(ProviderKind.ANTHROPIC)
        await d.manager.keys.set(claude, KEY)
        await d.manager.accounts.refresh(claude)
        await d.manager.models.load(ModelId("anthropic:beta"))
        await d.manager.models.switch(ModelId("anthropic:beta"))
        await eventually(lambda: not panel.fields["temperature"].isVisible())
        note = panel.findChild(QLabel, "parameters_note")
        assert note.text() == "beta's provider takes no parameters of this kind."
        assert model != LLAMA


async def test_that_a_refused_parameter_is_said_in_place_and_stays_to_be_mended(
    qtbot, tmp_path
) -> None:
    async with desk(tmp_path) as d:
        await talking(d)
        page = d.window.playground_page
        page.fold.setChecked(True)
        field = page.parameters.fields["temperature"]
        field.setFocus()
        QTest.keyClicks(field, "hot")
        QTest.keyClick(field, Qt.Key.Key_Tab)
        error = page.parameters.findChild(QLabel, "parameter_temperature_error")
        assert error.text() == "This takes a number from 0 to 2."
        page._show_choices()
        assert field.text() == "hot"
        for name, line in page.parameters.fields.items():
            assert line.accessibleName(), name


# The Library and the Loaded page


def test_that_a_remote_target_speaks_of_connecting_and_not_of_files() -> None:
    target = Target(spec=remote_spec("openai", "alpha"))
    assert target.note == "connects with the next prompt"
    gone = remote_spec("openai", "alpha", status=ModelStatus.MISSING)
    assert Target(spec=gone).problem == "alpha isn't offered any more."


async def test_that_the_inspector_tells_what_the_provider_says(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        account = await d.manager.accounts.add(ProviderKind.OPENAI, "Work")
        facts = RemoteFacts(
            model="alpha",
            source="OpenAI's list",
            context_source="genai-prices",
            max_output=8_000,
            lifecycle=Lifecycle.DEPRECATED,
            retires_at="2027-03-31",
            features=("batch",),
        )
        model = remote_spec(account, "alpha", remote=facts, context_length=128_000)
        sections = overview(model, d.manager, PRICE)
        said = {fact.label: fact for section in sections for fact in section.facts}
        assert said["Provider"].value == "Work"
        assert (said["Context"].value, said["Context"].hint) == ("128,000 tokens", "genai-prices")
        assert said["Lifecycle"].value == "retires on 2027-03-31"
        assert said["Price"].hint == "estimate, as of 2026-10-01"
        assert said["Longest answer"].value == "8,000 tokens"
        assert not [section for section in sections if section.action]


async def test_that_tabs_and_actions_of_files_are_not_offered_for_remote_models(
    qtbot, tmp_path
) -> None:
    world = FakeWorld(tmp_path)
    world.ports.offer(spec("Llama"))
    async with desk(tmp_path, world) as d:
        model = await talking(d)
        d.window.show_page("library")
        library = d.window.library_page
        library.view_model.select(LLAMA)
        await eventually(lambda: library._inspected == LLAMA)
        library.inspector.show_tab("tensors")
        library.view_model.select(model)
        await eventually(lambda: library._inspected == model)
        assert library.inspector.tab == "overview"
        assert not library.inspector.tabs.button("tensors").isVisible()
        assert not d.window.actions_by_id["load_settings"].isEnabled()
        assert not d.window.actions_by_id["plan_memory"].isEnabled()
        library.view_model.select(LLAMA)
        await eventually(lambda: library.inspector.tabs.button("tensors").isVisible())


async def test_that_a_card_of_a_remote_model_speaks_of_no_memory(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        await talking(d)
        [card] = d.window.loaded_page.view_model.cards()
        assert card.figures.startswith("on its provider's server")
        assert "predicted" not in card.figures
        assert not card.can_set


async def test_that_a_card_of_a_model_without_a_key_leads_to_its_dialog(qtbot, tmp_path) -> None:
    async with desk(tmp_path) as d:
        model = await talking(d)
        await d.manager.models.eject(model, drain=True)
        refusal = KeyUnusable("OpenAI doesn't take this key.", "Set another one.")
        d.world.connections.opened[0].failures = {model: refusal}
        d.window.perform("set_account_key", model)
        dialog = await d.dialog("key_dialog")
        assert dialog.form.account.id == "openai"
        dialog.reject()
        await d.gone("key_dialog")
