"""Keeps accounts. Where their keys are is in them; the keys aren't."""

import sqlite3

from app.domain.accounts import Account, AccountId, AccountRefresh
from app.storage.database import Database
from app.storage.rows import Row, readable


class Accounts:
    """The part of the database that is about accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self) -> tuple[Account, ...]:
        """All of them in the order they were added."""

        def work(connection: sqlite3.Connection) -> tuple[Account, ...]:
            rows = connection.execute("SELECT id, detail FROM accounts ORDER BY rowid")
            return readable(rows, _account, "account")

        return await self._database.read(work)

    async def save_account(self, account: Account) -> None:
        """Add or replace an account by id."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO accounts (id, detail) VALUES (?, ?) "
                "ON CONFLICT (id) DO UPDATE SET detail = excluded.detail",
                (account.id, account.model_dump_json()),
            )
        )

    async def forget_account(self, account: Account) -> None:
        """Remove an account, and what came of asking it."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM accounts WHERE id = ?", (account.id,))
            _forget_refresh(connection, account.id)

        await self._database.write(work)

    async def refreshes(self) -> dict[AccountId, AccountRefresh]:
        """What came of asking each account for its models the last time."""

        def work(connection: sqlite3.Connection) -> dict[AccountId, AccountRefresh]:
            rows = connection.execute("SELECT account_id, detail FROM account_refreshes")
            return dict(readable(rows, _refresh, "refresh of the account"))

        return await self._database.read(work)

    async def save_refresh(self, account_id: AccountId, refresh: AccountRefresh) -> None:
        """Keep what came of asking, in place of what came of it before."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO account_refreshes (account_id, detail) VALUES (?, ?) "
                "ON CONFLICT (account_id) DO UPDATE SET detail = excluded.detail",
                (account_id, refresh.model_dump_json()),
            )
        )

    async def forget_refresh(self, account_id: AccountId) -> None:
        """Keep no longer what came of asking."""
        await self._database.write(lambda connection: _forget_refresh(connection, account_id))


def _forget_refresh(connection: sqlite3.Connection, account_id: AccountId) -> None:
    connection.execute("DELETE FROM account_refreshes WHERE account_id = ?", (account_id,))


def _account(row: Row) -> Account:
    return Account.model_validate_json(row[1])


def _refresh(row: Row) -> tuple[AccountId, AccountRefresh]:
    return AccountId(row[0]), AccountRefresh.model_validate_json(row[1])
