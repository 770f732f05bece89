"""Accounts, kept and read again."""

from pathlib import Path

from app.domain.accounts import Account, AccountId, AccountRefresh, ProviderKind
from app.domain.error_reports import report_of
from app.domain.errors import Overloaded
from app.domain.secrets import KeyPlace
from app.storage.stores import open_storage


def account(name: str, **fields: object) -> Account:
    return Account(
        id=AccountId(name), kind=ProviderKind.OPENAI, name=name, base_url="https://a.com", **fields
    )


async def test_that_accounts_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    second = account("b", key_place=KeyPlace.KEYRING, credential="c", plain_http=True)
    storage = await open_storage(path)
    await storage.accounts.save_account(account("z"))
    await storage.accounts.save_account(second)
    await storage.accounts.save_account(account("z"))
    await storage.aclose()
    storage = await open_storage(path)
    assert await storage.accounts.accounts() == (account("z"), second)
    await storage.accounts.forget_account(account("z"))
    assert await storage.accounts.accounts() == (second,)
    await storage.aclose()


async def test_that_what_came_of_asking_comes_back_and_goes_with_its_account(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    failed = AccountRefresh(at=12.5, models=2, error=report_of(Overloaded("It is.", "Wait.")))
    storage = await open_storage(path)
    for name in "abc":
        await storage.accounts.save_account(account(name))
        await storage.accounts.save_refresh(AccountId(name), AccountRefresh(at=1, models=9))
    await storage.accounts.save_refresh(AccountId("a"), failed)
    await storage.accounts.forget_refresh(AccountId("b"))
    await storage.accounts.forget_account(account("c"))
    await storage.aclose()
    storage = await open_storage(path)
    assert await storage.accounts.refreshes() == {"a": failed}
    await storage.aclose()
