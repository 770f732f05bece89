"""Keeps accounts. Where their keys are is in them; the keys aren't."""

import sqlite3

from app.domain.accounts import Account
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
        """Remove an account."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM accounts WHERE id = ?", (account.id,)
            )
        )


def _account(row: Row) -> Account:
    return Account.model_validate_json(row[1])
