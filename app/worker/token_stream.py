"""An answer's way to the app."""

import time

from app.worker import protocol
from app.worker.answer import AnswerText
from app.worker.channel import Channel

FLUSH_NS = 20_000_000
"""Tokens travel together for this long; the first one at once."""


class TokenStream:
    """Stamps tokens as they come and sends their text in batches."""

    def __init__(self, channel: Channel, request: int, text: AnswerText) -> None:
        self._channel = channel
        self._request = request
        self._assembled = text
        self._text = ""
        self._stamps: list[int] = []
        self._flushed_ns = 0

    def add(self, piece: bytes) -> bool:
        """Take one token; True when a stop sequence is complete."""
        now = time.monotonic_ns()
        self._stamps.append(now)
        self._text += self._assembled.feed(piece)
        if now - self._flushed_ns >= FLUSH_NS:
            self.flush()
            self._flushed_ns = now
        return self._assembled.stopped

    def end(self) -> None:
        """Send what is left of the answer."""
        self._text += self._assembled.rest()
        self.flush()

    def flush(self) -> None:
        """Send what waits, before something keeps the next token waiting."""
        if self._stamps or self._text:
            self._channel.send(protocol.Tokens(self._text, self._stamps), self._request)
            self._text, self._stamps = "", []
