"""A support bundle of a run with real files, a real model and canaries in every place."""

import getpass
import logging
import zipfile
from pathlib import Path

import pytest

from app.bootstrap.core import open_manager
from app.domain.accounts import ProviderKind
from app.domain.error_reports import report_of
from app.domain.errors import RequestError, WorkerCrashed
from app.domain.events import LoadFailed, NoticeRaised
from app.system import logs
from app.system.crashes import FILE as NATIVE
from app.system.logs import start_logging
from app.system.paths import PERSISTENCE_PATH, find_paths
from tests.support.fakes import eventually
from tests.support.models import write_llama

log = logging.getLogger("tests.support")

KEPT_KEY = "quite ordinary words as a key".replace(" ", "-")
SHAPED_KEY = "sk-proj-abcdefghijklmnop1234"
PROMPT = "My neighbour Ottokar hides forged stamps under the garden shed."
SHORT = "Ottokar confesses"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logs, "_secrets", set())
    monkeypatch.setattr(getpass, "getuser", lambda: "zenobia")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "zenobia")


async def test_that_a_bundle_has_no_key_no_prompt_no_answer_and_no_person(tmp_path: Path) -> None:
    state = tmp_path / "zenobia" / "state"
    environment = {PERSISTENCE_PATH: f"{state}/"}
    paths = find_paths(environment)
    paths.create()
    models = tmp_path / "zenobia" / "models"
    write_llama(models / "tiny.gguf", name="Tiny")
    stop = start_logging(paths.logs)
    try:
        async with open_manager(paths.database, environment) as manager:
            account = await manager.accounts.add(ProviderKind.OPENAI)
            await manager.keys.set(account, KEPT_KEY)
            await manager.library.add_folder(str(models))
            await eventually(manager.models.search)
            (tiny,) = manager.models.search()
            await manager.models.load(tiny.id)
            await manager.settings.set("max_tokens", 40)
            answers = []
            for prompt in (PROMPT, SHORT):
                conversation = manager.conversations.create()
                async with manager.conversations.send(conversation.id, prompt) as stream:
                    async for _ in stream:
                        pass
                turns = await manager.conversations.messages(conversation.id)
                answers.append(turns[-1].text)
            canaries = f"{KEPT_KEY} {SHAPED_KEY} {PROMPT} {SHORT} {answers[0]} {models}"
            log.error("It failed: %s", canaries)
            log.error("It was odd", exc_info=ValueError(canaries))
            asked = report_of(RequestError("It was refused.", "Ask otherwise.", canaries))
            crashed = report_of(WorkerCrashed("It crashed.", "Load it again.", canaries))
            manager.events.publish(NoticeRaised(report=asked))
            manager.events.publish(LoadFailed(model_id=tiny.id, error=crashed))
            (paths.crashes / NATIVE).write_text(f"Fatal: {canaries}", "utf-8")
            target = tmp_path / "bundle.zip"
            await manager.support.write(str(target), lambda _: None)
            with zipfile.ZipFile(target) as bundle:
                files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    finally:
        stop()
    assert {"logs/modelyard.log", f"crashes/{NATIVE}", "events.jsonl"} <= set(files)
    whole = "".join(files.values())
    for canary in (
        KEPT_KEY,
        SHAPED_KEY,
        "Ottokar",
        "stamps",
        "garden shed",
        "confesses",
        "zenobia",
    ):
        assert canary.casefold() not in whole.casefold(), canary
    lines = [line.strip() for line in answers[0].splitlines() if len(line) > 20]
    assert lines
    assert not any(line in whole for line in lines)
    assert "It failed" in files["logs/modelyard.log"]
    assert "ModelLoaded" in files["events.jsonl"]
    assert "~/models" in whole
