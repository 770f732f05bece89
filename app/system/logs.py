"""The log: JSON lines in a folder, rotated, private, and free of keys."""

import json
import logging
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE = "modelyard.log"
FILES = 5
FILE_BYTES = 2_000_000

REDACTED = "[redacted]"
SHORTEST_SECRET = 8
"""A shorter secret is a placeholder such as "none"; hiding it would riddle every line."""

_KEYS = re.compile(
    r"\bsk-[\w-]{8,}"  # OpenAI's, and Anthropic's sk-ant-
    r"|\bhf_\w{8,}"
    r"|\bAIza[\w-]{10,}"
    r"|(?P<before>\bbearer\s+|[?&](?:api_?)?key=)[^\s\"'&#,;)}\]]+",
    re.IGNORECASE | re.ASCII,
)

_secrets: set[str] = set()


def redact(secret: str) -> None:
    """Keep this key out of everything that is logged from now on."""
    if len(secret) >= SHORTEST_SECRET:
        # Inside a structure it appears as Python or JSON would quote it.
        _secrets.update((secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]))


def redacted(text: str) -> str:
    """The text without registered secrets and without anything shaped like a key."""
    # Longest first: one secret may begin with another.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return _KEYS.sub(lambda match: f"{match['before'] or ''}{REDACTED}", text)


def start_logging(folder: Path, level: int = logging.INFO) -> Callable[[], None]:
    """Send the program's log and its warnings to files in an existing folder.

    Returns:
        What ends it and closes the file.

    Raises:
        OSError: the file can't be opened.
    """
    handler = _PrivateFiles(folder / FILE, FILE_BYTES, FILES)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)

    def stop() -> None:
        logging.captureWarnings(capture=False)
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()

    return stop


class _JsonLines(logging.Formatter):
    """One JSON object a line.

    Redaction happens here and not in a filter: only here the message, its arguments and the text
    of the exception have become the words that will be written.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redacted(record.stack_info)
        return json.dumps(line, ensure_ascii=False)


class _PrivateFiles(RotatingFileHandler):
    """Files that rotate and that only their owner can read."""

    def __init__(self, path: Path, size: int, files: int) -> None:
        # A lone surrogate, from the name of a file, must not cost the line.
        super().__init__(
            path, maxBytes=size, backupCount=files - 1, encoding="utf-8", errors="backslashreplace"
        )

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        stream = open(  # noqa: SIM115 - the handler closes it; Path.open takes no opener
            path, "a", encoding=self.encoding, errors=self.errors, opener=private
        )
        path.chmod(0o600)
        return stream


def private(path: str, flags: int) -> int:
    """An opener for `open` whose new files only their owner can read."""
    return os.open(path, flags, 0o600)
