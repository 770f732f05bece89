"""Accounts: added, given keys, asked for models, removed."""

import asyncio
from pathlib import Path

import pytest

from app.domain.accounts import AccountId, LocalServer, ProviderKind
from app.domain.errors import (
    RemoteError,
    UnknownModel,
)
from app.domain.events import AccountRefreshed, AccountRemoved, NoticeRaised
from app.domain.instances import InstanceState
from app.domain.models import ModelId, ModelStatus
from app.domain.secrets import Secret
from app.domain.switching import SwitchMethod
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually, spec
from tests.support.keyrings import LockedKeyring

KEY = "sk-canary-0123456789-wxyz"
OTHER = "sk-canary-9876543210-abcd"


def world(folder: Path) -> FakeWorld:
    return FakeWorld(folder)


async def test_that_several_accounts_of_one_provider_stand_side_by_side(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        first = await manager.accounts.add(ProviderKind.OPENAI)
        second = await manager.accounts.add(ProviderKind.OPENAI, "Work OpenAI")
        assert (first, second) == ("openai", "work-openai")
        await manager.keys.set(first, KEY)
        await manager.keys.set(second, OTHER)
        await manager.accounts.refresh(first)
        await manager.accounts.refresh(second)
        assert here.connections.seen == [Secret(KEY), Secret(OTHER)]
        assert manager.models.get(ModelId("work-openai:alpha")).name == "alpha"
    async with here.manager() as manager:
        assert [account.id for account in manager.accounts.all()] == [first, second]
        assert (await manager.keys.status(second)).hint == "abcd"


async def test_that_models_that_are_offered_no_longer_are_listed_as_missing(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        assert await manager.accounts.refresh(account) == 3
        here.connections.pages = [["alpha"]]
        assert await manager.accounts.refresh(account) == 1
        beta = ModelId("ollama:beta")
        assert manager.models.get(beta).status is ModelStatus.MISSING
        with pytest.raises(UnknownModel, match="isn't offered"):
            await manager.models.load(beta)


async def test_that_what_came_of_asking_outlives_the_run(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        assert manager.accounts.refreshed(account) is None
        await manager.accounts.refresh(account)
        first = manager.accounts.refreshed(account)
        assert first is not None
        assert (first.models, first.error) == (3, None)
    here.connections.failure = RemoteError("The server hung up.", "Try again.")
    async with here.manager() as manager:
        assert manager.accounts.refreshed(account) == first
        with pytest.raises(RemoteError):
            await manager.accounts.refresh(account)
    async with here.manager() as manager:
        last = manager.accounts.refreshed(account)
        assert last is not None
        assert last.error is not None
        assert last.error.what == "The server hung up."


async def test_that_a_list_that_breaks_off_keeps_what_came_and_says_why(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.connections.failure = RemoteError("The server hung up.", "Try again.")
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        with pytest.raises(RemoteError):
            await manager.accounts.refresh(account)
        assert len(manager.accounts.models(account)) == 3
        told = [item.event for item in manager.events.kept()]
        refreshed = [event for event in told if isinstance(event, AccountRefreshed)]
        assert refreshed[0].error is not None
        assert refreshed[0].models == 3


async def test_that_a_remote_model_takes_no_memory_and_no_place(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.ports.offer(spec("Llama"))
    async with here.manager() as manager:
        await manager.settings.set("max_loaded", 1)
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.accounts.refresh(account)
        await manager.models.load(ModelId("local:Llama"))
        alpha = ModelId("ollama:alpha")
        assert manager.memory.predict(alpha) == 0
        assert manager.models.plan_switch(alpha).method is SwitchMethod.READY
        await manager.models.switch(alpha)
        states = {view.model_id: view.state for view in manager.models.instances()}
        assert states == {alpha: InstanceState.READY, ModelId("local:Llama"): InstanceState.READY}
        view = manager.models.instance(alpha)
        assert view is not None
        assert view.charged == 0
        stream = manager.conversations.send(manager.conversations.create().id, "Hi")
        async with stream as pieces:
            text = "".join([piece.text async for piece in pieces])
        assert text.startswith("alpha0")


async def test_that_a_removed_account_takes_its_key_and_models_along(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        manager.accounts._reprieves.seconds = 0.05
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.keys.set(account, KEY)
        await manager.accounts.refresh(account)
        alpha = ModelId("ollama:alpha")
        await manager.models.load(alpha)
        await manager.accounts.remove(account)
        assert manager.accounts.all() == ()
        assert manager.models.instance(alpha) is None
        with pytest.raises(UnknownModel):
            manager.models.get(alpha)
        assert list(here.keyring.entries.values()) == [KEY]
        await eventually(lambda: not here.accounts.kept)
        assert here.keyring.entries == {}
        assert here.accounts.kept_refreshes == {}
        assert here.connections.opened[0].closed


async def test_that_a_removed_account_is_called_back_as_it_was(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        first = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.keys.set(first, KEY)
        await manager.accounts.refresh(first)
        before = manager.accounts.all(), manager.accounts.models(first)
        await manager.accounts.remove(first)
        told = [i.event for i in manager.events.kept() if isinstance(i.event, AccountRemoved)]
        assert [event.name for event in told] == ["OpenAI"]
        # Its id is its own while it can come back.
        assert await manager.accounts.add(ProviderKind.OPENAI) == "openai-2"
        await manager.accounts.remove(AccountId("openai-2"))
        await manager.accounts.undo_remove(first)
        assert (manager.accounts.all(), manager.accounts.models(first)) == before
        assert (await manager.keys.status(first)).hint == "wxyz"
        await manager.models.load(ModelId("openai:alpha"))
    assert [account.id for account in here.accounts.kept.values()] == [first, "ollama"]
    assert list(here.keyring.entries.values()) == [KEY]


async def test_that_a_removed_account_is_gone_for_good_at_the_end(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        await manager.accounts.remove(account)
        # A program that is killed now has it again at the next start, with its key.
        assert [account.id for account in here.accounts.kept.values()] == [account]
        report = await manager.keys.audit()
        assert report.keys == 1
    assert here.accounts.kept == {}
    assert here.keyring.entries == {}


async def test_that_an_account_whose_key_stays_in_the_keyring_is_back_and_that_is_told(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        manager.accounts._reprieves.seconds = 0.01
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.keys.set(account, KEY)
        await manager.accounts.refresh(account)
        manager.keys._book.ports.vault._backend = LockedKeyring()
        await manager.accounts.remove(account)
        await eventually(manager.accounts.all)
        assert len(manager.accounts.models(account)) == 3
        await eventually(lambda: isinstance(manager.events.kept()[-1].event, NoticeRaised))


async def test_that_an_account_that_is_being_asked_for_its_models_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        began, go = asyncio.Event(), asyncio.Event()

        async def check() -> None:
            began.set()
            await go.wait()

        monkeypatch.setattr(here.connections.opened[0], "check", check)
        asking = asyncio.create_task(manager.accounts.refresh(account))
        await began.wait()
        await manager.accounts.remove(account)
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert manager.accounts.models(account) == ()


async def test_that_servers_with_an_account_are_not_offered_again(tmp_path: Path) -> None:
    here = world(tmp_path)
    ollama = LocalServer(kind=ProviderKind.OLLAMA, base_url="http://127.0.0.1:11434/v1", models=2)
    here.connections.local = (ollama,)
    async with here.manager() as manager:
        assert await manager.accounts.find_local() == (ollama,)
        await manager.accounts.add(ProviderKind.OLLAMA)
        assert await manager.accounts.find_local() == ()
