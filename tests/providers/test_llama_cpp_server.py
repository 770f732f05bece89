"""The adapter against a server that nobody here wrote: llama-cpp-python's own."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from app.domain.accounts import Account, AccountId, ProviderKind
from app.domain.errors import AppError, ErrorKind, KeyUnusable
from app.domain.generation import (
    ChatMessage,
    FinishReason,
    GenerationEnd,
    GenerationRequest,
    Role,
    Sampling,
    TextPiece,
)
from app.domain.load_settings import LoadSettings
from app.domain.models import Capability
from app.domain.secrets import Secret
from app.providers.remote import OpenAIAccount, RemoteConnections
from tests.providers.test_remote import settled
from tests.support.models import write_llama

KEY = "canary-0123456789-wxyz"
CONTEXT = 256
HELLO = GenerationRequest(
    messages=(ChatMessage(role=Role.USER, text="Hello"),),
    max_tokens=12,
    sampling=Sampling(temperature=0.0, seed=1),
)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """A server with a model that was just made; its address."""
    path = write_llama(folder / "tiny.gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The key lies in its environment, as its own manual has it: nobody else's process list shows it.
    own = {**os.environ, "API_KEY": KEY}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "llama_cpp.server", "--model", str(path), "--host", "127.0.0.1",
        "--port", str(port), "--n_ctx", str(CONTEXT), "--n_threads", "1", "--verbose", "false",
        env=own, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/v1"
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            while True:
                assert process.returncode is None, "the server didn't start"
                try:
                    await client.get(f"{url}/models")
                    break
                except httpx2.ConnectError:
                    await asyncio.sleep(0.1)
        yield url
    finally:
        process.kill()
        await process.wait()


def connect(url: str, key: str = KEY) -> OpenAIAccount:
    async def tell() -> Secret:
        return Secret(key)

    account = Account(id=AccountId("acme"), kind=ProviderKind.COMPATIBLE, name="Acme", base_url=url)
    remote = RemoteConnections().open(account, tell, lambda spec: None)
    assert isinstance(remote, OpenAIAccount)
    return remote


async def test_that_a_real_server_is_listed_asked_left_and_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as url:
        remote = connect(url)
        [[spec]] = [page async for page in remote.models()]
        assert spec.can(Capability.CHAT)
        engine = await remote.load(spec, LoadSettings(), lambda share: None)
        await engine.probe()
        updates = [update async for update in engine.generate(HELLO)]
        pieces = [item for item in updates if isinstance(item, TextPiece)]
        end = updates[-1]
        assert isinstance(end, GenerationEnd)
        assert "".join(piece.text for piece in pieces)
        assert end.stats.finish in {FinishReason.LENGTH, FinishReason.END}
        assert 0 < end.stats.output_tokens <= 12

        again = [item async for item in engine.generate(HELLO) if isinstance(item, TextPiece)]
        assert [piece.text for piece in again] == [piece.text for piece in pieces]

        stream = engine.generate(HELLO.model_copy(update={"max_tokens": 200}))
        await anext(stream)
        await stream.aclose()
        # Whoever left is not waited for by the next one.
        assert [item async for item in engine.generate(HELLO)]

        stranger = connect(url, "another-key-0123456789")
        with pytest.raises(KeyUnusable):
            await stranger.check()
        await stranger.aclose()

        words = ChatMessage(role=Role.USER, text="word " * 4 * CONTEXT)
        with pytest.raises(AppError) as caught:
            async for _ in engine.generate(GenerationRequest(messages=(words,))):
                pass
        # This server says nothing at all of a prompt that is too long.
        assert caught.value.kind is ErrorKind.REMOTE, caught.value.detail
        await engine.close()
        await remote.aclose()
        await settled()
