"""Keys: tested, kept in the keyring or in memory, removed and called back, looked for."""

from pathlib import Path

import pytest

from app.domain.accounts import AccountChange, ProviderKind
from app.domain.errors import KeyringFailed, KeyUnusable, SettingError, StorageError
from app.domain.events import KeyChanged, KeyRemoved, NoticeRaised
from app.domain.secrets import KeyPlace, Secret
from tests.support.accounts import FakeWorld
from tests.support.fakes import eventually
from tests.support.keyrings import DeniedKeyring, LockedKeyring

KEY = "sk-canary-0123456789-wxyz"
OTHER = "sk-canary-9876543210-abcd"


def world(folder: Path) -> FakeWorld:
    return FakeWorld(folder)


async def test_that_a_key_is_in_nothing_but_the_keyring(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert await manager.keys.set(account, f" {KEY}\n") is KeyPlace.KEYRING
        told = [repr(manager.accounts.get(account)), repr(manager.events.kept())]
        told.append((await manager.keys.status(account)).model_dump_json())
    told.append(repr(here.accounts.kept))
    assert KEY not in "".join(told)
    assert list(here.keyring.entries.values()) == [KEY]


async def test_that_a_new_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        await manager.keys.set(account, OTHER)
        assert list(here.keyring.entries.values()) == [OTHER]
        assert here.connections.opened[0].renewed == 2
        await manager.keys.remove(account)
        assert here.connections.opened[0].renewed == 3
        await manager.keys.settle(account)
        assert here.keyring.entries == {}
        with pytest.raises(KeyUnusable, match="is missing"):
            await manager.accounts.refresh(account)


async def test_that_an_account_that_cant_be_kept_leaves_no_key_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)

        async def full(account: object) -> None:
            raise StorageError("The disk is full.", "Free some space.")

        monkeypatch.setattr(here.accounts, "save_account", full)
        with pytest.raises(StorageError):
            await manager.keys.set(account, KEY)
        assert here.keyring.entries == {}


async def test_that_a_key_is_tested_before_it_is_kept(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.connections.refused = {Secret(OTHER)}
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert (await manager.keys.test(account, KEY)).seconds >= 0
        with pytest.raises(KeyUnusable):
            await manager.keys.test(account, OTHER)
        assert here.keyring.entries == {}
        assert [remote.closed for remote in here.connections.opened] == [False, True, True]


async def test_that_without_a_keyring_a_key_lives_until_the_end_and_its_loss_is_told(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    here.keyring = None
    async with here.manager() as manager:
        assert not (await manager.keys.keyring()).lasting
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert await manager.keys.set(account, KEY) is KeyPlace.MEMORY
        assert await manager.accounts.refresh(account) == 3
    async with here.manager() as manager:
        with pytest.raises(KeyUnusable, match="is gone"):
            await manager.accounts.refresh(account)
        status = await manager.keys.status(account)
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
            await manager.keys.set(account, KEY)
        assert await manager.keys.set(account, KEY, for_now=True) is KeyPlace.MEMORY
        assert await manager.accounts.refresh(account) == 3


async def test_that_a_key_comes_from_a_variable_by_its_name(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.environment["WORK_KEY"] = KEY
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        with pytest.raises(KeyUnusable, match="NO_SUCH"):
            await manager.keys.use_variable(account, "NO_SUCH")
        await manager.keys.use_variable(account, "WORK_KEY")
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
        for attempt in (manager.keys.set, manager.keys.test):
            with pytest.raises(SettingError, match="unencrypted"):
                await attempt(account, KEY)
        await manager.accounts.change(account, AccountChange(plain_http=True))
        await manager.keys.set(account, KEY)
        with pytest.raises(SettingError, match="unencrypted"):
            await manager.accounts.change(account, AccountChange(plain_http=False))
        safe = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(safe, KEY)
        with pytest.raises(SettingError, match="unencrypted"):
            await manager.accounts.change(safe, AccountChange(base_url=url))


async def test_that_a_refused_key_is_told_until_another_one_is_set(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.connections.refused = {Secret(KEY)}
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        with pytest.raises(KeyUnusable):
            await manager.accounts.refresh(account)
        assert (await manager.keys.status(account)).problem is not None
        assert isinstance(manager.events.kept()[-1].event, KeyChanged)
        await manager.keys.set(account, OTHER)
        assert (await manager.keys.status(account)).problem is None


async def test_that_the_audit_looks_for_every_key(tmp_path: Path) -> None:
    here = world(tmp_path)
    (tmp_path / "log").write_text(f"sent {KEY}")
    async with here.manager() as manager:
        first = await manager.accounts.add(ProviderKind.OPENAI)
        second = await manager.accounts.add(ProviderKind.ANTHROPIC)
        await manager.keys.set(first, KEY)
        await manager.keys.set(second, OTHER)
        report = await manager.keys.audit()
        assert report.keys == 2
        assert [item.credential for item in report.findings] == [first]


async def test_that_a_removed_key_leaves_the_keyring_when_that_stands(tmp_path: Path) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        manager.keys._reprieves.seconds = 0.05
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        await manager.keys.remove(account)
        assert manager.accounts.get(account).key_place is None
        with pytest.raises(KeyUnusable, match="is missing"):
            await manager.accounts.refresh(account)
        assert list(here.keyring.entries.values()) == [KEY]
        assert (await manager.keys.audit()).keys == 1
        await eventually(lambda: not here.keyring.entries)
        await eventually(lambda: here.accounts.kept[account].key_place is None)


@pytest.mark.parametrize("variable", [False, True])
async def test_that_a_removed_key_is_called_back(tmp_path: Path, variable: bool) -> None:
    here = world(tmp_path)
    here.environment["WORK_KEY"] = KEY
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        if variable:
            await manager.keys.use_variable(account, "WORK_KEY")
        else:
            await manager.keys.set(account, KEY)
        before = manager.accounts.get(account)
        await manager.keys.remove(account)
        told = manager.events.kept()[-1].event
        assert isinstance(told, KeyRemoved)
        assert told.name == "OpenAI"
        await manager.keys.undo_remove(account)
        assert manager.accounts.get(account) == before
        assert await manager.accounts.refresh(account) == 3
    assert here.accounts.kept[account] == before


async def test_that_a_removed_key_is_gone_before_anything_else_is_kept_of_its_account(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        for then in (
            lambda: manager.accounts.change(account, AccountChange(name="Work")),
            lambda: manager.keys.set(account, OTHER),
            lambda: manager.accounts.remove(account),
        ):
            await manager.keys.set(account, KEY)
            await manager.keys.remove(account)
            await then()
            assert KEY not in here.keyring.entries.values()
            await manager.keys.undo_remove(account)
        assert list(here.keyring.entries.values()) == []


async def test_that_a_key_that_the_keyring_wont_remove_is_the_accounts_again(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        manager.keys._book.ports.vault._backend = LockedKeyring()
        await manager.keys.remove(account)
        await manager.keys.settle(account)
        assert manager.accounts.get(account).key_place is KeyPlace.KEYRING
        assert isinstance(manager.events.kept()[-1].event, NoticeRaised)


async def test_that_a_key_in_a_variable_is_tested_like_any_other(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.environment |= {"GOOD": KEY, "BAD": OTHER, "ODD": "two words"}
    here.connections.refused = {Secret(OTHER)}
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        assert (await manager.keys.test(account, variable="GOOD")).seconds >= 0
        for name, said in (("BAD", "take this key"), ("ODD", "space"), ("NONE", "holds no key")):
            with pytest.raises(KeyUnusable, match=said):
                await manager.keys.test(account, variable=name)
        assert here.connections.seen == [Secret(KEY)]
        assert manager.accounts.get(account).key_place is None


async def test_that_the_key_that_an_account_has_is_tested_and_its_trouble_forgotten(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    async with here.manager() as manager:
        account = await manager.accounts.add(ProviderKind.OPENAI)
        await manager.keys.set(account, KEY)
        here.connections.refused = {Secret(KEY)}
        with pytest.raises(KeyUnusable):
            await manager.accounts.refresh(account)
        with pytest.raises(KeyUnusable):
            await manager.keys.test(account)
        here.connections.refused = set()
        await manager.keys.test(account)
        assert (await manager.keys.status(account)).problem is None
    assert here.accounts.kept_refreshes == {}
