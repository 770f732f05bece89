"""What the manager tells in a support bundle."""

import json

from app.domain.error_reports import report_of
from app.domain.errors import RequestError, WorkerCrashed
from app.domain.events import LoadFailed, NoticeRaised
from app.manager.support import DOCUMENTS
from tests.support.fakes import fake_ports, spec

PROMPT = "Where did I bury the emeralds?"
QWEN = spec("Qwen")


async def test_that_a_bundle_tells_of_versions_models_and_events() -> None:
    ports = fake_ports()
    ports.offer(QWEN)
    async with ports.manager() as manager:
        await manager.models.load(QWEN.id)
        await manager.settings.set("max_tokens", 99)
        shares: list[float] = []
        assert await manager.support.write("b.zip", shares.append) == 4321
        assert shares == [0.4]
        (documents,) = ports.support.written.values()
        assert list(documents) == list(DOCUMENTS)
        assert json.loads(documents["settings.json"]) == {"max_tokens": 99, "accounts": []}
        (model,) = json.loads(documents["models.json"])
        assert model["model_id"] == QWEN.id
        events = [json.loads(line) for line in documents["events.jsonl"].splitlines()]
        loaded = next(item for item in events if item["event"] == "ModelLoaded")
        assert loaded["cause"].startswith("load #")
        names = [part.name for part in await manager.support.parts()]
        assert names == [*DOCUMENTS, "logs/modelyard.log"]


async def test_that_no_detail_that_may_quote_a_prompt_is_told() -> None:
    ports = fake_ports()
    async with ports.manager() as manager:
        asked = report_of(RequestError("Refused.", "Ask otherwise.", PROMPT))
        crashed = report_of(WorkerCrashed("It crashed.", "Load it again.", "GGML_ASSERT"))
        manager.events.publish(NoticeRaised(report=asked))
        manager.events.publish(LoadFailed(model_id=QWEN.id, error=crashed))
        await manager.support.write("b.zip", lambda _: None)
        (documents,) = ports.support.written.values()
        assert "emeralds" not in "".join(documents.values())
        assert "GGML_ASSERT" in documents["events.jsonl"]


async def test_that_all_that_was_said_is_named_so_that_it_can_be_kept_out() -> None:
    ports = fake_ports()
    ports.offer(QWEN)
    async with ports.manager() as manager:
        await manager.models.load(QWEN.id)
        conversation = manager.conversations.create()
        async with manager.conversations.send(conversation.id, PROMPT) as stream:
            async for _ in stream:
                pass
        await manager.support.write("b.zip", lambda _: None)
        said = ports.support.said
        messages = await manager.conversations.messages(conversation.id)
        assert PROMPT in said
        assert all(message.text in said for message in messages)
        (documents,) = ports.support.written.values()
        assert "emeralds" not in "".join(documents.values())
