"""Accounts: added, given keys, asked for models, removed."""

from pathlib import Path

import pytest

from app.domain.accounts import AccountChange, LocalServer, ProviderKind
from app.domain.errors import (
    KeyringFailed,
    KeyUnusable,
    RemoteError,
    SettingError,
    StorageError,
    UnknownModel,
)
from app.domain.events import AccountRefreshed, KeyChanged
from app.domain.instances import InstanceState
from app.domain.models import ModelId, ModelStatus
from app.domain.secrets import KeyPlace, Secret
from app.domain.switching import SwitchMethod
from tests.support.accounts import FakeWorld
from tests.support.fakes import spec
from tests.support.keyrings import DeniedKeyring

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
        await manager.accounts.set_key(first, KEY)
        await manager.accounts.set_key(second, OTHER)
        await manager.accounts.refresh(first)
        await manager.accounts.refresh(second)
        assert here.connections.seen == [Secret(KEY), Secret(OTHER)]
        assert manager.models.get(ModelId("work-openai:alpha")).name == "alpha"
    async with here.manager() as manager:
        assert [account.id for account in manager.accounts.all()] == [first, second]
        assert (await manager.accounts.key_status(second)).hint == "abcd"


async def test_that_a_key_is_in_nothing_but_the_keyring(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert await manager.accounts.set_key(account, f" {KEY}\n") is KeyPlace.KEYRING
        told = [repr(manager.accounts.get(account)), repr(manager.events.kept())]
        told.append((await manager.accounts.key_status(account)).model_dump_json())
    told.append(repr(here.accounts.kept))
    assert KEY not in "".join(told)
    assert list(here.keyring.entries.values()) == [KEY]


async def test_that_a_new_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.accounts.set_key(account, KEY)
        await manager.accounts.set_key(account, OTHER)
        assert list(here.keyring.entries.values()) == [OTHER]
        assert here.connections.opened[0].renewed == 2
        await manager.accounts.remove_key(account)
        assert here.keyring.entries == {}
        with pytest.raises(KeyUnusable, match="is missing"):
            await manager.accounts.refresh(account)


async def test_that_an_account_that_cant_be_kept_leaves_no_key_behind(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)

        async def full(account: object) -> None:
            raise StorageError("The disk is full.", "Free some space.")

        here.accounts.save_account = full  # type: ignore[method-assign, assignment]
        with pytest.raises(StorageError):
            await manager.accounts.set_key(account, KEY)
        assert here.keyring.entries == {}


async def test_that_a_key_is_tested_before_it_is_kept(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.connections.refused = {Secret(OTHER)}
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert (await manager.accounts.test_key(account, KEY)).seconds >= 0
        with pytest.raises(KeyUnusable):
            await manager.accounts.test_key(account, OTHER)
        assert here.keyring.entries == {}
        assert [remote.closed for remote in here.connections.opened] == [False, True, True]


async def test_that_without_a_keyring_a_key_lives_until_the_end_and_its_loss_is_told(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    here.keyring = None
    async with here.manager() as manager:
        assert not (await manager.accounts.keyring()).lasting
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert await manager.accounts.set_key(account, KEY) is KeyPlace.MEMORY
        assert await manager.accounts.refresh(account) == 3
    async with here.manager() as manager:
        with pytest.raises(KeyUnusable, match="is gone"):
            await manager.accounts.refresh(account)
        status = await manager.accounts.key_status(account)
        assert status.problem is not None
        assert status.hint == ""


async def test_that_a_denied_keyring_leaves_the_choice_to_keep_the_key_for_now(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    here.keyring = DeniedKeyring()
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        with pytest.raises(KeyringFailed):
            await manager.accounts.set_key(account, KEY)
        assert await manager.accounts.set_key(account, KEY, for_now=True) is KeyPlace.MEMORY
        assert await manager.accounts.refresh(account) == 3


async def test_that_a_key_comes_from_a_variable_by_its_name(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.environment["WORK_KEY"] = KEY
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        with pytest.raises(KeyUnusable, match="NO_SUCH"):
            await manager.accounts.use_variable(account, "NO_SUCH")
        await manager.accounts.use_variable(account, "WORK_KEY")
        await manager.accounts.refresh(account)
        assert here.connections.seen == [Secret(KEY)]
        assert here.keyring.entries == {}
    del here.environment["WORK_KEY"]
    async with here.manager() as manager:
        with pytest.raises(KeyUnusable, match="WORK_KEY"):
            await manager.accounts.refresh(account)


async def test_that_a_key_never_goes_unencrypted_to_another_machine_unasked(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        url = "http://192.168.1.2:8000/v1"
        account = await manager.accounts.add(ProviderKind.VLLM, base_url=url)
        for attempt in (manager.accounts.set_key, manager.accounts.test_key):
            with pytest.raises(SettingError, match="unencrypted"):
                await attempt(account, KEY)
        await manager.accounts.change(account, AccountChange(plain_http=True))
        await manager.accounts.set_key(account, KEY)
        with pytest.raises(SettingError, match="unencrypted"):
            await manager.accounts.change(account, AccountChange(plain_http=False))
        safe = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.accounts.set_key(safe, KEY)
        with pytest.raises(SettingError, match="unencrypted"):
            await manager.accounts.change(safe, AccountChange(base_url=url))


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


async def test_that_a_refused_key_is_told_until_another_one_is_set(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.connections.refused = {Secret(KEY)}
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.accounts.set_key(account, KEY)
        with pytest.raises(KeyUnusable):
            await manager.accounts.refresh(account)
        assert (await manager.accounts.key_status(account)).problem is not None
        assert isinstance(manager.events.kept()[-2].event, KeyChanged)
        await manager.accounts.set_key(account, OTHER)
        assert (await manager.accounts.key_status(account)).problem is None


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
        account = await manager.accounts.add(ProviderKind.OLLAMA)
        await manager.accounts.set_key(account, KEY)
        await manager.accounts.refresh(account)
        alpha = ModelId("ollama:alpha")
        await manager.models.load(alpha)
        await manager.accounts.remove(account)
        assert here.keyring.entries == {}
        assert manager.models.instance(alpha) is None
        with pytest.raises(UnknownModel):
            manager.models.get(alpha)
        assert here.connections.opened[0].closed
        assert manager.accounts.all() == ()


async def test_that_servers_with_an_account_are_not_offered_again(tmp_path: Path) -> None:
    here = world(tmp_path)
    ollama = LocalServer(kind=ProviderKind.OLLAMA, base_url="http://127.0.0.1:11434/v1", models=2)
    here.connections.local = (ollama,)
    async with here.manager() as manager:
        assert await manager.accounts.find_local() == (ollama,)
        await manager.accounts.add(ProviderKind.OLLAMA)
        assert await manager.accounts.find_local() == ()


async def test_that_the_audit_looks_for_every_key(tmp_path: Path) -> None:
    here = world(tmp_path)
    (tmp_path / "log").write_text(f"sent {KEY}")
    async with here.manager() as manager:
        first = await manager.accounts.add(ProviderKind.OPENAI)
        second = await manager.accounts.add(ProviderKind.ANTHROPIC)
        await manager.accounts.set_key(first, KEY)
        await manager.accounts.set_key(second, OTHER)
        report = await manager.accounts.audit()
        assert report.keys == 2
        assert [item.credential for item in report.findings] == [first]
