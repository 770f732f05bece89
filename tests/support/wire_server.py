"""A server on this machine that speaks OpenAI's and Anthropic's protocols, and misbehaves on order."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

WORDS = ("Once", " upon", " a", " time", " there")
BEFORE_FAULT = 3
"""So many words come before an answer goes wrong."""
MODEL = "story-1"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        """The key that it carried."""
        own = self.headers.get("authorization", "").removeprefix("Bearer ")
        return own or self.headers.get("x-api-key", "")

    @property
    def anthropic(self) -> bool:
        return self.path.startswith("/v1/messages") or "anthropic-version" in self.headers


Fault = Callable[["Answer"], Awaitable[None]]


class Answer:
    """Writes one response, down to the bytes."""

    def __init__(self, asked: Asked, writer: asyncio.StreamWriter, server: "WireServer") -> None:
        self.asked = asked
        self.writer = writer
        self.server = server

    async def whole(
        self, body: Any, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        """A response with a body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        own = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n{own}\r\n".encode()
            + data
        )
        await self.writer.drain()

    async def begin(self, kind: str = "text/event-stream") -> None:
        """The head of a stream."""
        self.writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """Some bytes of a stream."""
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        """The proper end of a stream."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def event(self, data: Any, name: str = "") -> None:
        """One event of a stream."""
        text = data if isinstance(data, str) else json.dumps(data)
        await self.send(
            (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
        )

    async def words(self, words: tuple[str, ...] | list[str]) -> None:
        """The beginning of an answer, with these words."""
        if self.asked.anthropic:
            message = {
                "id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": [],
                "stop_reason": None, "stop_sequence": None,
                "usage": {"input_tokens": 11, "output_tokens": 1},
            }  # fmt: skip
            await self.event({"type": "message_start", "message": message}, "message_start")
            block = {"type": "text", "text": ""}
            start = {"type": "content_block_start", "index": 0, "content_block": block}
            await self.event(start, "content_block_start")
        for word in words:
            await self.word(word)

    async def word(self, word: str) -> None:
        """One word of an answer."""
        if self.asked.anthropic:
            delta = {"type": "text_delta", "text": word}
            data = {"type": "content_block_delta", "index": 0, "delta": delta}
            await self.event(data, "content_block_delta")
        else:
            await self.event(chunk({"content": word}))

    async def close(self, *, reason: str = "", usage: bool = True) -> None:
        """The proper end of an answer."""
        if self.asked.anthropic:
            await self.event({"type": "content_block_stop", "index": 0}, "content_block_stop")
            delta = {"stop_reason": reason or "end_turn", "stop_sequence": None}
            data: dict[str, Any] = {"type": "message_delta", "delta": delta}
            if usage:
                data["usage"] = {"output_tokens": len(WORDS)}
            await self.event(data, "message_delta")
            await self.event({"type": "message_stop"}, "message_stop")
        else:
            await self.event(chunk({}, reason or "stop"))
            if usage:
                counts = {"prompt_tokens": 11, "completion_tokens": len(WORDS), "total_tokens": 16}
                await self.event({**chunk({}), "choices": [], "usage": counts})
            await self.event("[DONE]")
        await self.end()

    async def until_left(self) -> None:
        """Wait until the client hangs up."""
        await self.server.left(self.writer)


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    """One chunk of OpenAI's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
            "choices": [choice]}  # fmt: skip


# Faults


def status(code: int, kind: str = "", message: str = "It went wrong", **headers: str) -> Fault:
    """A refusal with an error's body as both protocols have it."""

    async def answer(answer: Answer) -> None:
        error = {"type": kind or "error", "message": message, "code": kind or None, "param": None}
        await answer.whole({"type": "error", "error": error}, code, **headers)

    return answer


async def echo_key(answer: Answer) -> None:
    """A refusal that repeats the key."""
    message = f"Incorrect API key provided: {answer.asked.key}."
    await status(401, "invalid_api_key", message)(answer)


async def cut(answer: Answer) -> None:
    """The connection is gone in the middle."""
    await answer.begin()
    await answer.words(WORDS[:BEFORE_FAULT])
    answer.writer.transport.abort()


async def cut_at_once(answer: Answer) -> None:
    """The connection is gone before anything came."""
    answer.writer.transport.abort()


async def quiet_end(answer: Answer) -> None:
    """The stream ends in order, and the answer doesn't."""
    await answer.begin()
    await answer.words(WORDS[:BEFORE_FAULT])
    await answer.end()


async def silence(answer: Answer) -> None:
    """Not even a status."""
    await answer.until_left()


async def silence_in_the_middle(answer: Answer) -> None:
    """A beginning, then nothing."""
    await answer.begin()
    await answer.words(WORDS[:BEFORE_FAULT])
    await answer.until_left()


def error_event(kind: str, message: str = "Something happened") -> Fault:
    """A beginning, then an event that says what went wrong."""

    async def answer(answer: Answer) -> None:
        await answer.begin()
        await answer.words(WORDS[:BEFORE_FAULT])
        error = {"type": kind, "message": message, "code": kind}
        if answer.asked.anthropic:
            await answer.event({"type": "error", "error": error}, "error")
        else:
            await answer.event({"error": error})
        await answer.end()

    return answer


async def slow_bytes(answer: Answer) -> None:
    """Everything is right, a byte at a time."""
    send = answer.send

    async def slowly(data: bytes) -> None:
        for byte in data:
            await send(bytes([byte]))
            await asyncio.sleep(0)

    answer.send = slowly  # type: ignore[method-assign]
    await answer.begin()
    await answer.words(WORDS)
    await answer.close()


async def web_page(answer: Answer) -> None:
    """The page of a router."""
    await answer.whole(b"<!DOCTYPE html><html><body>Welcome</body></html>", 200, "text/html")


async def missing_page(answer: Answer) -> None:
    """A web server that knows no such address."""
    await answer.whole(b"<html><body>404 Not Found</body></html>", 404, "text/html")


async def wrong_json(answer: Answer) -> None:
    """An event that is no JSON."""
    await answer.begin()
    await answer.words(WORDS[:BEFORE_FAULT])
    await answer.event('{"choices": [', "content_block_delta" if answer.asked.anthropic else "")
    await answer.end()


async def plain_json(answer: Answer) -> None:
    """JSON where a stream was asked for."""
    await answer.whole({"unexpected": True})


async def empty_choices(answer: Answer) -> None:
    """A stream in which nothing is said."""
    await answer.begin()
    if answer.asked.anthropic:
        await answer.event({"type": "ping"}, "ping")
    else:
        await answer.event({**chunk({}), "choices": []})
        await answer.event("[DONE]")
    await answer.end()


async def missing_usage(answer: Answer) -> None:
    """A good answer that isn't counted."""
    await answer.begin()
    await answer.words(WORDS)
    await answer.close(usage=False)


async def refusal(answer: Answer) -> None:
    """The provider stops its own answer."""
    await answer.begin()
    await answer.words(WORDS[:BEFORE_FAULT])
    await answer.close(reason="refusal" if answer.asked.anthropic else "content_filter")


async def redirect(answer: Answer) -> None:
    """Everything lives elsewhere now."""
    await answer.whole(b"", 301, location="http://127.0.0.1:9/v1")


def many(count: int) -> Fault:
    """A long answer, as fast as it is taken."""

    async def answer(answer: Answer) -> None:
        await answer.begin()
        await answer.words([" word"] * count)
        await answer.close()

    return answer


async def endless(answer: Answer) -> None:
    """An answer without an end."""
    await answer.begin()
    await answer.words(())
    leaving = asyncio.ensure_future(answer.until_left())
    with suppress(ConnectionError):
        while not leaving.done():
            await answer.word(" more")
            await asyncio.sleep(0.001)
    await leaving


async def good(answer: Answer) -> None:
    """Everything is right."""
    await answer.begin()
    await answer.words(WORDS)
    await answer.close()


@dataclass
class WireServer:
    """What it is asked, and how it is to answer."""

    url: str = ""
    fault: Fault = good
    faults: list[Fault] = field(default_factory=list)
    """Answers in turn before `fault` is the rule."""
    pages: dict[str, Any] = field(default_factory=dict)
    """JSON by path, with its query where it has one; a callable gets the request."""
    asked: list[Asked] = field(default_factory=list)
    left_at: list[float] = field(default_factory=list)
    """When clients hung up, by time.perf_counter."""
    _readers: dict[int, asyncio.StreamReader] = field(default_factory=dict)

    async def left(self, writer: asyncio.StreamWriter) -> None:
        """Wait until the client of a connection hangs up."""
        with suppress(ConnectionError):
            await self._readers[id(writer)].read(1)
        self.left_at.append(time.perf_counter())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._readers[id(writer)] = reader
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                await self._answer(Answer(asked, writer, self))
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._readers[id(writer)]
            writer.close()

    async def _answer(self, answer: Answer) -> None:
        asked = answer.asked
        page = self.pages.get(asked.path, self.pages.get(asked.path.partition("?")[0]))
        if page is not None:
            await answer.whole(page(asked) if callable(page) else page)
        elif asked.method == "POST" and asked.path in {"/v1/chat/completions", "/v1/messages"}:
            await (self.faults.pop(0) if self.faults else self.fault)(answer)
        else:
            await answer.whole({"error": {"message": "no such page"}}, 404)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().casefold(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, json.loads(data) if data else None)


@asynccontextmanager
async def wire_server() -> AsyncIterator[WireServer]:
    """A server on a free port of this machine."""
    server = WireServer()
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    model = {"id": MODEL, "object": "model", "type": "model", "display_name": "Story",
             "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    server.pages = {
        "/v1/models": {"data": [model], "has_more": False, "first_id": MODEL, "last_id": MODEL},
        f"/v1/models/{MODEL}": model,
    }
    try:
        yield server
    finally:
        listener.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await listener.wait_closed()
