"""What nobody should ask of a model: each a typed error with a way out, and nobody else harmed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.bootstrap.core import open_manager
from app.domain.conversations import MessageState
from app.domain.crashes import CrashCause
from app.domain.errors import (
    AppError,
    ContextOverflow,
    DoesNotFit,
    InvalidFile,
    ModelError,
    SettingError,
    TemplateFailed,
    WorkerCrashed,
)
from app.domain.instances import InstanceState
from app.domain.load_settings import CacheType, LoadSettings
from app.domain.models import ModelId
from app.manager.manager import Manager
from app.system import processes
from app.system.processes import command
from tests.benchmarks.library.disk import load_mutated
from tests.flows.running import workers
from tests.support.fakes import eventually
from tests.support.models import write_broken, write_llama, write_qwen2

GOOD, BAD = "Good Neighbour", "Bad Llama"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HUGE = "{{ 'x' * 1500000000 }}"
FULL_CONTEXT = 500_000_000
MORE_THAN_MEMORY = 2_000_000
"""Tokens; a cache of 300 GB in the model below."""
LIMITED = 'ulimit -v 8000000; exec "$0" "$@"'
"""A system that promises memory freely would otherwise really run out of it."""


@asynccontextmanager
async def library(tmp_path: Path) -> AsyncIterator[Manager]:
    """A manager over the models in a folder, one of which is loaded and has to stay so."""
    write_qwen2(tmp_path / "models" / "good.gguf", name=GOOD)
    async with open_manager(tmp_path / "state" / "modelyard.db", {}) as manager:
        await manager.settings.set("max_tokens", 8)
        await manager.library.add_folder(str(tmp_path / "models"))
        await eventually(lambda: manager.library.scanning() is None and manager.models.search())
        await manager.models.load(model(manager, GOOD))
        before = manager.models.instance(model(manager, GOOD)).generation
        yield manager
        text = await answer(manager, GOOD, "Are you there?")
        assert text
        view = manager.models.instance(model(manager, GOOD))
        assert (view.generation, view.state) == (before, InstanceState.READY)
    assert not workers()


def model(manager: Manager, name: str) -> ModelId:
    return next(spec.id for spec in manager.models.search() if spec.name == name)


async def answer(manager: Manager, name: str, prompt: str) -> str:
    conversation = manager.conversations.create()
    stream = manager.conversations.send(conversation.id, prompt, to=model(manager, name))
    async with stream:
        async for _ in stream:
            pass
    return stream.answer.text


def assert_says_what_to_do(error: AppError) -> None:
    for sentence in (error.what, error.remedy):
        assert len(sentence) > 10
        assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("template", "prompt", "kind"),
    [
        (ENDLESS, "Hello", TemplateFailed),
        (HUGE, "Hello", TemplateFailed),
        (None, "x" * 10_000_000, ContextOverflow),
        (None, "word " * 5_000, ContextOverflow),
    ],
    ids=["endless template", "huge template", "10 MB prompt", "prompt past the context"],
)
async def test_that_a_prompt_that_can_not_be_answered_harms_nobody(
    tmp_path, template, prompt, kind
):
    options = {} if template is None else {"chat_template": template}
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD, **options)
    async with library(tmp_path) as manager:
        with pytest.raises(kind) as refused:
            await answer(manager, BAD, prompt)
        assert_says_what_to_do(refused.value)
        # A prompt that no model takes doesn't even load one.
        view = manager.models.instance(model(manager, BAD))
        assert view is None or view.state is InstanceState.READY


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(threads=0),
        LoadSettings(threads=10**6),
        LoadSettings(batch_threads=0),
        LoadSettings(context_length=2**31),
        LoadSettings(context_length=FULL_CONTEXT, slots=16),
    ],
    ids=[
        "no threads",
        "a million threads",
        "no prompt threads",
        "past 32 bits",
        "in all past 32 bits",
    ],
)
async def test_that_a_setting_that_can_not_be_is_refused_and_not_kept(tmp_path, settings):
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD, context=FULL_CONTEXT)
    async with library(tmp_path) as manager:
        bad = model(manager, BAD)
        for asked in (
            manager.models.load(bad, settings, anyway=True),
            manager.models.load_settings.save(manager.models.get(bad), settings),
        ):
            with pytest.raises(SettingError) as refused:
                await asked
            assert_says_what_to_do(refused.value)
        assert manager.models.load_settings.own(bad) == LoadSettings()
        await answer(manager, BAD, "And with usual settings?")


async def test_that_a_context_larger_than_memory_does_not_fit_nor_when_it_is_loaded_anyway(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(processes, "command", lambda kind: ["sh", "-c", LIMITED, *command(kind)])
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD, layers=300, context=MORE_THAN_MEMORY)
    settings = LoadSettings(
        context_length=MORE_THAN_MEMORY,
        cache_type_k=CacheType.F32,
        cache_type_v=CacheType.F32,
        slots=1,
    )
    async with library(tmp_path) as manager:
        bad = model(manager, BAD)
        with pytest.raises(DoesNotFit) as refused:
            await manager.models.load(bad, settings)
        assert_says_what_to_do(refused.value)
        assert manager.models.refused(bad)
        assert manager.models.safer(bad) is None
        with pytest.raises(DoesNotFit) as failed:
            await manager.models.load(bad, settings, anyway=True)
        assert_says_what_to_do(failed.value)
        assert failed.value.crash.cause is CrashCause.OUT_OF_MEMORY
        assert not manager.models.refused(bad)
        assert manager.models.safer(bad).settings.context_length == MORE_THAN_MEMORY // 2


@pytest.mark.parametrize(
    "kind", ["truncated", "wrong_magic", "zero_layers", "tensor_past_end", "empty"]
)
async def test_that_a_broken_file_is_listed_and_not_loaded(tmp_path, kind):
    path = write_broken(tmp_path / "models")[kind]
    async with library(tmp_path) as manager:
        broken = next(spec for spec in manager.models.search() if spec.path == str(path))
        with pytest.raises(InvalidFile) as refused:
            await manager.models.load(broken.id)
        assert_says_what_to_do(refused.value)


async def test_that_a_file_that_breaks_after_the_scan_is_a_typed_error(tmp_path):
    path = write_llama(tmp_path / "models" / "bad.gguf", name=BAD)
    async with library(tmp_path) as manager:
        path.write_bytes(path.read_bytes().replace(b"llama", b"lemma"))
        with pytest.raises(ModelError) as refused:
            await manager.models.load(model(manager, BAD))
        assert_says_what_to_do(refused.value)


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (signal.SIGKILL, CrashCause.KILLED),
        (signal.SIGABRT, CrashCause.ASSERTION),
        (signal.SIGSEGV, CrashCause.FAULT),
        (signal.SIGBUS, CrashCause.DISK),
        (signal.SIGILL, CrashCause.ILLEGAL_INSTRUCTION),
    ],
)
async def test_that_a_process_that_dies_is_decoded_and_loads_again(tmp_path, sent, cause):
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD)
    async with library(tmp_path) as manager:
        bad = model(manager, BAD)
        await manager.models.load(bad)
        os.kill(process_of(manager, bad), sent)
        await eventually(lambda: manager.models.instance(bad).state is InstanceState.CRASHED)
        error = manager.models.instance(bad).error
        assert (error.crash.cause, error.crash.how) == (cause, sent.name)
        assert 0 < len(error.detail.splitlines()) <= 50
        await answer(manager, BAD, "Again?")
        assert manager.models.instance(bad).state is InstanceState.READY


def process_of(manager: Manager, model_id: ModelId) -> int:
    """The id of a model's process."""
    return manager.models._coordinator._instances[model_id].engine._link._child.pid


async def test_that_a_model_that_keeps_dying_is_left_alone_until_it_is_loaded_more_safely(
    tmp_path,
):
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD)
    async with library(tmp_path) as manager:
        bad = model(manager, BAD)
        conversation = manager.conversations.create()
        for _ in range(2):
            async with manager.models.lease(bad, "chat"):
                os.kill(process_of(manager, bad), signal.SIGABRT)
            await eventually(lambda: manager.models.instance(bad).state is InstanceState.CRASHED)
        stream = manager.conversations.send(conversation.id, "Hello", to=bad)
        with pytest.raises(WorkerCrashed, match="2 times in a row") as refused:
            await stream.__aenter__()
        assert refused.value.retry_at is not None
        assert stream.answer.state is MessageState.FAILED
        assert stream.answer.error.crash.cause is CrashCause.ASSERTION
        safer = manager.models.safer(bad)
        await manager.models.load(bad, safer.settings)
        assert manager.models.instance(bad).settings.flash_attention is False
        assert await answer(manager, BAD, "Hello")


async def test_that_loading_other_models_goes_on_while_a_template_runs_wild(tmp_path):
    write_llama(tmp_path / "models" / "bad.gguf", name=BAD, chat_template=ENDLESS)
    async with library(tmp_path) as manager:
        wild = asyncio.ensure_future(answer(manager, BAD, "Hello"))
        await eventually(lambda: manager.models.instance(model(manager, BAD)))
        await eventually(
            lambda: manager.models.instance(model(manager, BAD)).state is InstanceState.READY
        )
        assert await answer(manager, GOOD, "Hello")
        with pytest.raises(TemplateFailed):
            await wild


async def test_that_broken_models_that_the_reader_lets_through_end_in_a_reason_or_load() -> None:
    """A share of what the benchmark sends through real workers."""
    fared = await load_mutated(6, seed=3)
    assert fared["loaded"] + fared["refused"] == 6
    assert fared["unexplained"] == 0
