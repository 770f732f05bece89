"""The scenes of accounts, keys and money: the providers are played, everything above them is real."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

from PySide6.QtWidgets import QDialog, QScrollArea

from app.domain.accounts import AccountChange, AccountId, LocalServer, ProviderKind
from app.domain.conversations import MessageState, PassedOver
from app.domain.error_reports import report_of
from app.domain.errors import KeyUnusable, Overloaded, RateLimited, StreamCut
from app.domain.events import BudgetMoved
from app.domain.models import (
    ACTIVE,
    Basis,
    Capability,
    CapabilityFact,
    Lifecycle,
    ModelId,
    RemoteFacts,
)
from app.domain.secrets import AuditFinding, AuditReport, Secret
from app.domain.spending import BudgetLevel, BudgetState, Price, SpendingEntry
from app.manager.manager import Manager
from app.ui.main_window import MainWindow
from app.ui.theme import Theme
from tests.screens.camera import Camera
from tests.support.accounts import FakeWorld, remote_spec
from tests.support.fakes import eventually, spec
from tests.support.keyrings import LockedKeyring
from tests.support.windows import window_over

SIZE = (1180, 760)
KEY = "sk-or-screens-9f3a"
ANSWER = (
    "Lisbon is best on foot. Start in **Alfama**, early, before the trams fill up; the castle "
    "opens at nine.\n\nTake the second day for Belém, and leave the third one open for the rain."
)


class Scene:
    """A window over a played world."""

    def __init__(self, world: FakeWorld, manager: Manager, window: MainWindow, camera: Camera):
        self.world = world
        self.manager = manager
        self.window = window
        self.camera = camera

    async def dialog(self, name: str) -> QDialog:
        """The dialog of this name, once it is open."""
        await eventually(lambda: self.window.findChild(QDialog, name))
        return self.window.findChild(QDialog, name)

    async def close(self, dialog: QDialog) -> None:
        """Close a dialog and wait until it is gone."""
        name = dialog.objectName()
        dialog.reject()
        await eventually(lambda: not self.window.findChild(QDialog, name))

    def show_providers(self) -> None:
        """Scroll the Settings to the accounts."""
        page = self.window.settings_page
        self.window.show_page("settings")
        area = page.findChild(QScrollArea)
        area.ensureWidgetVisible(page.providers.audit, 0, 40)
        area.ensureWidgetVisible(page.providers, 0, 60)

    def scroll_to(self, widget) -> None:
        """Scroll the Settings to a widget."""
        self.window.settings_page.findChild(QScrollArea).ensureWidgetVisible(widget, 0, 60)


@asynccontextmanager
async def scene(world: FakeWorld, out: Path, first: int = 0) -> AsyncIterator[Scene]:
    """The program over a played world."""
    look = Theme()
    async with world.manager() as manager, window_over(manager, look) as window:
        window.resize(*SIZE)
        yield Scene(world, manager, window, Camera(window, look, out, first))


async def render_accounts(folder: Path, out: Path, first: int = 0) -> None:
    """Play every scene of accounts."""
    world = FakeWorld(folder)
    spend(world)
    async with scene(world, out, first) as s:
        await nobody(s)
        await add(s)
        await keys(s)
        await providers(s)
        await audit(s)
        await ledger(s)
        await fallbacks(s)
        await library(s)
        await answers(s)
    unkept = FakeWorld(folder, keyring=None)
    async with scene(unkept, out, first + 60) as s:
        account = await s.manager.accounts.add(ProviderKind.OPENAI)
        await s.manager.keys.set(account, KEY)
        s.show_providers()
        await eventually(lambda: s.window.settings_page.accounts.keyring)
        await s.camera.take("accounts-no-keyring")
        s.window.perform("set_account_key", account)
        dialog = await s.dialog("key_dialog")
        await eventually(lambda: dialog.form.keyring)
        await s.camera.take("key-no-keyring")
        await s.close(dialog)


def spend(world: FakeWorld) -> None:
    """Days of work, here and elsewhere."""
    world.prices.known = {
        "gpt-5-mini": Price(input=0.25, output=2, source="genai-prices", as_of="2026-10-01"),
        "story-1": Price(input=3, output=15, source="genai-prices", as_of="2026-10-01"),
    }
    today = date.today()  # noqa: DTZ011 - the ledger counts by the calendar of the person
    rows = (
        ("openai", "gpt-5-mini", 41, 96_400, 31_200, 402.0, 86_500, 0),
        ("anthropic", "story-1", 12, 40_100, 22_700, 288.0, 460_800, 0),
        ("openrouter", "some/model-70b", 3, 2_000, 900, 31.0, 0, 3),
        ("local", "Llama", 58, 51_000, 44_000, 2_310.0, 0, 0),
    )
    for back in range(4):
        day = (today - timedelta(days=back)).isoformat()
        for provider, name, *counts in rows:
            requests, read, written, seconds, micro, unpriced = counts
            model_id = ModelId(f"{provider}:{name}")
            world.spending.kept[day, model_id] = SpendingEntry(
                day=day,
                model_id=model_id,
                provider=provider,
                requests=requests,
                input_tokens=read,
                output_tokens=written,
                seconds=seconds / (back + 1),
                micro_dollars=micro * (back + 1),
                unpriced=unpriced,
            )


async def nobody(s: Scene) -> None:
    """No account yet, a server on this machine, and the same in the empty library."""
    s.show_providers()
    await s.camera.take("accounts-none")
    s.world.connections.local = (
        LocalServer(kind=ProviderKind.OLLAMA, base_url="http://127.0.0.1:11434/v1", models=7),
        LocalServer(kind=ProviderKind.LM_STUDIO, base_url="http://127.0.0.1:1234/v1", models=1),
    )
    await s.manager.accounts.find_local()
    s.show_providers()
    await s.camera.take("accounts-offered")
    s.window.show_page("library")
    await s.camera.take("library-offered")
    s.world.connections.local = ()


async def add(s: Scene) -> None:
    """The dialog that adds, for a known provider, refused, and for a plain address elsewhere."""
    s.window.perform("add_account")
    dialog = await s.dialog("account_dialog")
    await s.camera.take("account-add")
    dialog.form.choose(ProviderKind.COMPATIBLE)
    dialog.form.set_name("Workstation")
    dialog.form.set_address("workstation")
    dialog.name.setText("Workstation")
    dialog.provider.setCurrentIndex(8)
    dialog.form.save()
    await s.camera.take("account-refused")
    dialog.form.set_address("http://workstation.lan:8000/v1")
    await s.camera.take("account-plain")
    await s.close(dialog)


async def keys(s: Scene) -> None:
    """The dialog of a key in each of its states."""
    accounts = s.manager.accounts
    account = await accounts.add(ProviderKind.OPENAI)
    s.show_providers()
    await s.camera.take("accounts-first")
    s.window.perform("set_account_key", account)
    dialog = await s.dialog("key_dialog")
    await eventually(lambda: dialog.form.status)
    await s.camera.take("key-empty")
    dialog.key.line.setText(KEY)
    await s.camera.take("key-typed")
    dialog.key.reveal.setChecked(True)
    await s.camera.take("key-shown")
    dialog.form.step = "Asking OpenAI whether it takes the key…"
    dialog.form.changed.emit()
    await s.camera.take("key-testing")
    dialog.form.step = ""
    s.world.connections.refused = {Secret(KEY)}
    dialog.form.save(KEY)
    await eventually(lambda: dialog.form.failure)
    await s.camera.take("key-refused")
    s.world.connections.refused = set()
    dialog.form.failure = report_of(
        Overloaded("OpenAI is overloaded.", "Try again in a moment.", "529 overloaded_error")
    )
    dialog.form.changed.emit()
    await s.camera.take("key-untested")
    vault = s.manager.keys._book.ports.vault
    vault._backend = LockedKeyring()
    dialog.form.save(KEY)
    await eventually(lambda: dialog.form.failure and not dialog.form.step)
    await s.camera.take("key-locked")
    vault._backend = s.world.keyring
    dialog.source.setCurrentIndex(1)
    dialog._choose_source()
    dialog.form.use_variable("OPENAI_API_KEY")
    await eventually(lambda: dialog.form.failure and not dialog.form.step)
    await s.camera.take("key-variable")
    await s.close(dialog)
    plain = await accounts.add(ProviderKind.VLLM, "Workstation", "http://workstation.lan:8000/v1")
    s.window.perform("set_account_key", plain)
    dialog = await s.dialog("key_dialog")
    dialog.key.line.setText(KEY)
    await s.camera.take("key-plain")
    await s.close(dialog)
    await accounts.remove(plain)
    await s.manager.keys.set(account, KEY)
    await accounts.refresh(account)


async def providers(s: Scene) -> None:
    """Several accounts: well, with trouble, being asked; and a removal."""
    accounts, world = s.manager.accounts, s.world
    world.connections.pages = [["story-1", "story-1-mini"]]
    anthropic = await accounts.add(ProviderKind.ANTHROPIC)
    world.environment["ANTHROPIC_API_KEY"] = "sk-ant-screens-77"
    await s.manager.keys.use_variable(anthropic, "ANTHROPIC_API_KEY")
    await accounts.refresh(anthropic)
    world.connections.pages = [["llama3.2:3b", "qwen2.5-coder:7b", "nomic-embed-text"]]
    ollama = await accounts.add(ProviderKind.OLLAMA)
    await accounts.refresh(ollama)
    second = await accounts.add(ProviderKind.OPENAI, "OpenAI, work")
    await s.manager.keys.set(second, "sk-work-0000-4c1d", for_now=True)
    world.connections.refused = {Secret("sk-work-0000-4c1d")}
    s.show_providers()
    s.window.settings_page.accounts.refresh(second)
    await eventually(lambda: any(line.problem for line in s.window.settings_page.accounts.lines()))
    await eventually(lambda: s.window.settings_page.accounts.lines()[0].key != "Key in the keyring")
    await s.camera.take("accounts")
    page = s.window.settings_page
    s.scroll_to(page.providers.audit)
    await s.camera.take("accounts-foot")
    s.window.resize(760, 620)
    s.show_providers()
    await s.camera.take("accounts-narrow")
    s.window.resize(*SIZE)
    s.window.perform("change_account", ollama)
    dialog = await s.dialog("account_dialog")
    dialog.form.set_address("http://127.0.0.1:9999/v1")
    await s.camera.take("account-change")
    await s.close(dialog)
    s.window.perform("remove_account", ollama)
    await s.camera.take("account-remove")
    await s.close(await s.dialog("question"))
    await accounts.remove(second)
    await s.manager.keys.remove(AccountId("openai"))
    s.show_providers()
    await s.camera.take("accounts-removed")
    await s.manager.keys.undo_remove(AccountId("openai"))
    for toast in s.window.toaster.toasts:
        toast.dismiss()


async def audit(s: Scene) -> None:
    """Nothing found, and something."""
    s.window.perform("audit_keys")
    dialog = await s.dialog("audit_dialog")
    await eventually(lambda: dialog._search.answer)
    await s.camera.take("audit-clean")
    dialog._search.answer = AuditReport(
        keys=2,
        files=214,
        processes=3,
        findings=(
            AuditFinding(place="/home/ada/.local/share/modelyard/notes.txt", credential="openai"),
            AuditFinding(place="process 4711: environment", credential="anthropic"),
        ),
        unreadable=("/home/ada/.local/share/modelyard/state.db-wal",),
    )
    dialog._search.changed.emit()
    await s.camera.take("audit-found")
    await s.close(dialog)


async def ledger(s: Scene) -> None:
    """The ledger each way, and the budget."""
    await s.manager.settings.set("monthly_budget", 12)
    s.window.perform("spending")
    dialog = await s.dialog("spending_dialog")
    await eventually(lambda: dialog.ledger._elsewhere.answer)
    await s.camera.take("spending")
    dialog.grouping.setCurrentIndex(2)
    dialog.grouping.activated.emit(2)
    await s.manager.settings.set("monthly_budget", 5)
    await s.manager.settings.set("budget_stops", True)
    await s.camera.take("spending-spent")
    await s.close(dialog)
    s.window.show_page("settings")
    s.scroll_to(s.window.settings_page.findChild(object, "settings_spending"))
    await s.camera.take("settings-spending")


async def fallbacks(s: Scene) -> None:
    """Nobody stands in, and three do."""
    page = s.window.settings_page
    s.scroll_to(page.fallbacks)
    await s.camera.take("fallbacks-none")
    order = (ModelId("anthropic:story-1"), ModelId("ollama:llama3.2:3b"), ModelId("local:Gone"))
    await s.manager.settings.set("fallbacks", {ACTIVE: order})
    s.scroll_to(page.fallbacks)
    await s.camera.take("fallbacks")
    await s.manager.settings.set("fallbacks", {})


async def library(s: Scene) -> None:
    """Remote models beside a local one, and what is known of one."""
    facts = RemoteFacts(
        model="story-1",
        source="Anthropic's list of models",
        context_source="Anthropic's list of models",
        max_output=64_000,
        lifecycle=Lifecycle.DEPRECATED,
        retires_at="2027-03-31",
        features=("batch", "citations"),
    )
    can = CapabilityFact(
        capability=Capability.VISION, value=True, source="Anthropic's list", basis=Basis.HEADER
    )
    chat = can.model_copy(update={"capability": Capability.CHAT})
    named = remote_spec(
        "anthropic", "story-1", remote=facts, context_length=200_000, capabilities=(chat, can)
    )
    await s.manager._registry.keep([named, spec("Llama")])
    s.window.show_page("library")
    await eventually(lambda: s.window.library_page.view_model.table.rowCount() > 5)
    s.window.library_page.view_model.select(named.id)
    await eventually(lambda: s.window.playground_page.view_model.prices.of(named.id))
    await asyncio.sleep(0.2)
    await s.camera.take("library-remote")
    s.window.show_page("settings")
    s.window.settings_page._choose_default()
    dialog = await s.dialog("model_chooser")
    await s.camera.take("choose-default")
    dialog.search.setText("lla")
    await s.camera.take("choose-default-typed")
    await s.close(dialog)
    await s.manager.settings.set("default_model", named.id)
    s.scroll_to(s.window.settings_page.findChild(object, "setting_default_model"))
    await s.camera.take("settings-default")


async def answers(s: Scene) -> None:
    """Answers that cost, stand in, broke off, were refused, and what is near the prompt then."""
    window, models = s.window, s.manager.models
    model = ModelId("anthropic:story-1")
    await models.load(model)
    await models.switch(model)
    window.show_page("loaded")
    await s.camera.take("loaded-remote")
    window.show_page("playground")
    page = window.playground_page
    playground = page.view_model
    await eventually(lambda: playground.current)
    await s.manager.settings.set("budget_stops", False)
    playground.send("Plan three days in Lisbon.")
    await eventually(lambda: not playground.answering and len(playground.current.messages) == 2)
    asked, answer = playground.current.messages
    stats = answer.stats.model_copy(
        update={"untaken": ("temperature",), "prompt_tokens": 812, "output_tokens": 1_204}
    )
    over = PassedOver(
        model_name="gpt-5-mini",
        error=report_of(Overloaded("OpenAI is overloaded.", "Try again in a moment.")),
    )
    said = answer.model_copy(update={"text": ANSWER, "stats": stats, "passed_over": (over,)})
    for name, error in (
        ("key", KeyUnusable("Anthropic doesn't take this key.", "Set another one.", "401")),
        ("cut", StreamCut("Anthropic's answer broke off.", "Ask again.", "RemoteProtocolError")),
        ("rate", RateLimited("Anthropic wants to be asked less often.", "Wait a moment.")),
    ):
        report = report_of(error)
        if name == "rate":
            report = report.model_copy(update={"retry_at": time.time() + 42})
        text = ANSWER[:96] if name == "cut" else ""
        failed = answer.model_copy(
            update={"state": MessageState.FAILED, "error": report, "text": text, "stats": None}
        )
        playground.current.messages = (asked, said, asked, failed)
        playground.current.changed.emit()
        await s.camera.take(f"answer-{name}")
    playground.current.messages = (asked, said)
    playground.current.changed.emit()
    page.fold.setChecked(True)
    state = BudgetState(level=BudgetLevel.SPENT, spent=5.47, limit=5, stops=True)
    await s.manager.settings.set("budget_stops", True)
    s.manager.events.publish(BudgetMoved(state=state))
    await s.camera.take("answer-stands-in")
    for toast in window.toaster.toasts:
        toast.dismiss()
    await s.manager.accounts.change(AccountId("ollama"), AccountChange(name="Ollama, here"))
    await models.load(ModelId("ollama:llama3.2:3b"))
    await models.switch(ModelId("ollama:llama3.2:3b"))
    page.parameters.fields["temperature"].setText("hot")
    page.parameters._take("temperature")
    await s.camera.take("parameters")
