"""The tables, as steps from one version of the database to the next."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

APPLICATION_ID = 0x4D6F6459
"""Marks a database file as Modelyard's ("ModY")."""

Step = tuple[str, ...]
"""The statements that lead to the next version."""

MIGRATIONS: tuple[Step, ...] = (
    (
        """
        CREATE TABLE models (
            id TEXT PRIMARY KEY,
            provider TEXT NOT NULL,
            name TEXT NOT NULL,
            status TEXT NOT NULL,
            reason TEXT NOT NULL,
            path TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL,
            architecture TEXT NOT NULL,
            parameters INTEGER,
            quantisation TEXT NOT NULL,
            context_length INTEGER,
            detail TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE folders (
            position INTEGER PRIMARY KEY,
            path TEXT NOT NULL UNIQUE,
            present INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE TABLE aliases (name TEXT PRIMARY KEY, model_id TEXT NOT NULL) STRICT",
        """
        CREATE TABLE metrics (
            model_id TEXT PRIMARY KEY,
            requests INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            last_used_at REAL,
            time_to_first_token REAL,
            tokens_per_second REAL,
            load_seconds REAL
        ) STRICT
        """,
        "CREATE TABLE session (position INTEGER PRIMARY KEY, model_id TEXT NOT NULL) STRICT",
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE messages (
            id TEXT PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            role TEXT NOT NULL,
            text TEXT NOT NULL,
            created_at REAL NOT NULL,
            state TEXT NOT NULL,
            detail TEXT NOT NULL,
            UNIQUE (conversation_id, position)
        ) STRICT
        """,
        """
        CREATE TABLE profile_runs (
            id TEXT PRIMARY KEY,
            model_id TEXT NOT NULL,
            started_at REAL NOT NULL,
            detail TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    ("CREATE TABLE load_settings (model_id TEXT PRIMARY KEY, detail TEXT NOT NULL) STRICT",),
    ("ALTER TABLE conversations ADD COLUMN detail TEXT NOT NULL DEFAULT '{}'",),
    (
        """
        CREATE TABLE measured_uses (
            model_id TEXT NOT NULL,
            footprint TEXT NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (model_id, footprint)
        ) STRICT
        """,
    ),
    (
        "CREATE TABLE model_details (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
        "INSERT INTO model_details (text) SELECT DISTINCT detail FROM models",
        """
        CREATE TABLE specs (
            id TEXT PRIMARY KEY,
            provider TEXT NOT NULL,
            name TEXT NOT NULL,
            status TEXT NOT NULL,
            reason TEXT NOT NULL,
            path TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL,
            architecture TEXT NOT NULL,
            parameters INTEGER,
            quantisation TEXT NOT NULL,
            context_length INTEGER,
            detail INTEGER NOT NULL
        ) STRICT
        """,
        """
        INSERT INTO specs
        SELECT id, provider, name, status, reason, path, size_bytes, modified_ns, architecture,
            parameters, quantisation, context_length, model_details.number
        FROM models JOIN model_details ON model_details.text = models.detail
        ORDER BY models.rowid
        """,
        "DROP TABLE models",
        "ALTER TABLE specs RENAME TO models",
        "ALTER TABLE metrics ADD COLUMN detail TEXT NOT NULL DEFAULT '{}'",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    ),
    ("CREATE TABLE pins (model_id TEXT PRIMARY KEY) STRICT",),
    (
        """
        CREATE TABLE alias_history (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX alias_history_by_name ON alias_history (name, number)",
    ),
    (
        "CREATE TABLE model_kinds (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
        """
        CREATE TEMP TABLE told AS
        SELECT id, name, path, size_bytes, modified_ns, json_patch(
            text,
            json_object(
                'provider', provider, 'status', status, 'reason', nullif(reason, ''),
                'architecture', nullif(architecture, ''), 'parameters', parameters,
                'quantisation', nullif(quantisation, ''), 'context_length', context_length
            )
        ) AS kind
        FROM models JOIN model_details ON number = detail
        """,
        "INSERT INTO model_kinds (text) SELECT DISTINCT kind FROM told",
        "DROP TABLE models",
        "DROP TABLE model_details",
        """
        CREATE TABLE models (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            kind INTEGER NOT NULL,
            size_bytes INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO models SELECT id, name, path, number, size_bytes, modified_ns
        FROM told JOIN model_kinds ON text = kind ORDER BY id
        """,
        "DROP TABLE told",
    ),
    (
        """
        CREATE TABLE scanned_files (
            path TEXT PRIMARY KEY,
            mark TEXT NOT NULL,
            place TEXT NOT NULL,
            model_id TEXT,
            size INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT OR IGNORE INTO scanned_files
        SELECT path, '', path, id, size_bytes FROM models WHERE id LIKE 'local:%' AND path <> ''
        """,
        "CREATE INDEX scanned_files_by_model ON scanned_files (model_id)",
        "CREATE TABLE annotations (model_id TEXT PRIMARY KEY, detail TEXT NOT NULL) STRICT",
        """
        CREATE TABLE saved_searches (
            position INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            query TEXT NOT NULL
        ) STRICT
        """,
    ),
    (
        "CREATE TABLE accounts (id TEXT PRIMARY KEY, detail TEXT NOT NULL) STRICT",
        """
        CREATE TABLE spending (
            day TEXT NOT NULL,
            model_id TEXT NOT NULL,
            provider TEXT NOT NULL,
            requests INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            seconds REAL NOT NULL,
            micro_dollars INTEGER NOT NULL,
            unpriced INTEGER NOT NULL,
            PRIMARY KEY (day, model_id)
        ) STRICT
        """,
    ),
    ("UPDATE settings SET key = 'time_to_live_minutes' WHERE key = 'idle_minutes'",),
    ("CREATE TABLE account_refreshes (account_id TEXT PRIMARY KEY, detail TEXT NOT NULL) STRICT",),
)
"""Step n leads from version n to n + 1. A released step is never edited; a change is a new one."""


def version_of(connection: sqlite3.Connection) -> int:
    """The number of steps that a database has behind it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether a database carries Modelyard's mark."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(owner == APPLICATION_ID)


def is_whole(connection: sqlite3.Connection, steps: Sequence[Step]) -> bool:
    """Whether a database has the tables and columns of its version.

    Damage to their names passes SQLite's integrity check and would fail every query.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, steps[: version_of(connection)])
        return _layout(connection) == _layout(model)


def migrate(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Take the steps that are missing, each in a transaction of its own."""
    while version_of(connection) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another Modelyard may have taken the step while this one waited for its turn.
            version = version_of(connection)
            if version < len(steps):
                _take(connection, steps[version], version)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _take(connection: sqlite3.Connection, step: Step, version: int) -> None:
    for statement in step:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version + 1}")


def _layout(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT held.name, part.name FROM sqlite_schema AS held, pragma_table_info(held.name) AS part "
        "WHERE held.type = 'table' ORDER BY 1, 2"
    ).fetchall()
