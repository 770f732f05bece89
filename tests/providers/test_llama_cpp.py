"""Loading ends in an engine, or in a typed error with nothing left running."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from llama_cpp import llama_supports_gpu_offload

from app.domain.errors import (
    InvalidFile,
    LoadStalled,
    MissingFile,
    ModelError,
    SettingError,
    WorkerCrashed,
)
from app.domain.load_settings import Adapter, CacheType, LoadSettings, RopeScaling
from app.domain.memory_plans import PROCESS_BYTES, MemoryPart, PlanSource, formula
from app.library.discovery import LocalModelFiles
from app.providers import llama_cpp
from app.providers.llama_cpp import LlamaCppProvider, memory_plan
from app.providers.llama_engine import Deadlines
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerExit, WorkerProcesses
from app.worker import protocol
from tests.providers.engines import answer, completion, processes, provider, spec_of
from tests.support.fakes import eventually
from tests.support.models import CHAT_TEMPLATE, write_broken, write_llama


class Standing(WorkerProcesses):
    """Starts workers that stand still from the first moment, or die at the given signal."""

    def __init__(self, sent: int = signal.SIGSTOP) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.sent = sent

    async def start(self, kind):
        child = await super().start(kind)
        os.kill(child.pid, self.sent)
        self.pid = child.pid
        self.started.set()
        return child


def nothing_runs() -> bool:
    return not psutil.Process().children()


async def test_that_progress_runs_from_nothing_to_all(tmp_path):
    seen = []
    async with provider() as local:
        path = write_llama(tmp_path / "m.gguf")
        loaded = await local.load(spec_of(path), LoadSettings(), seen.append)
        await loaded.close()
    assert seen == sorted(seen)
    assert seen[-1] == 1


async def test_that_a_load_tells_whether_this_build_computes_on_gpus(tmp_path):
    async with provider() as local:
        assert local.offloads is None
        loaded = await local.load(
            spec_of(write_llama(tmp_path / "m.gguf")), LoadSettings(), lambda _: None
        )
        await loaded.close()
        assert local.offloads is bool(llama_supports_gpu_offload())


@pytest.mark.parametrize(
    "kind", ["truncated", "wrong_magic", "zero_layers", "tensor_past_end", "empty"]
)
async def test_that_a_broken_file_is_a_typed_error_and_starts_nothing(tmp_path, kind):
    async with provider() as local:
        with pytest.raises(InvalidFile) as refused:
            await local.load(spec_of(write_broken(tmp_path)[kind]), LoadSettings(), lambda _: None)
        assert refused.value.what.endswith(".")
        assert nothing_runs()


async def test_that_a_file_that_only_llama_cpp_finds_broken_is_refused_in_its_words(tmp_path):
    path = write_llama(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(b"llama", b"lemma"))
    async with provider() as local:
        with pytest.raises(InvalidFile, match=r"llama\.cpp can't load M\.") as refused:
            await local.load(spec_of(path), LoadSettings(), lambda _: None)
        assert "unknown model architecture: 'lemma'" in refused.value.detail
        assert nothing_runs()


class Refusing:
    """A child that notes what it is sent, and ends at once."""

    pid = 1

    def __init__(self):
        self.sent = []

    async def start(self, kind):
        return self

    def send(self, frame):
        (decoded,) = protocol.FrameReader().feed(frame)
        self.sent.append(protocol.decode(decoded))

    async def received(self):
        while not self.sent:
            await asyncio.sleep(0)
        return
        yield

    def kill(self):
        pass

    async def wait(self):
        return WorkerExit(1, "")


@pytest.mark.parametrize(("chosen", "cores"), [(None, 4), (2, 4), (None, None)])
async def test_that_a_worker_is_told_the_quota_and_the_chosen_threads(tmp_path, chosen, cores):
    path, child = write_llama(tmp_path / "m.gguf"), Refusing()
    local = LlamaCppProvider(child, TemplateProcess(child), cores=cores)
    with pytest.raises(WorkerCrashed):
        await local.load(spec_of(path), LoadSettings(threads=chosen), lambda _: None)
    assert (child.sent[0].threads, child.sent[0].cores) == (chosen, cores)


async def test_that_a_chat_model_has_its_renderer_warm(tmp_path):
    async with processes() as children:
        templates = TemplateProcess(children)
        local = LlamaCppProvider(children, templates)
        for template in (None, CHAT_TEMPLATE):
            path = write_llama(tmp_path / "m.gguf", chat_template=template, turn="<|turn|>")
            loaded = await local.load(spec_of(path), LoadSettings(threads=1), lambda _: None)
            await loaded.close()
            await eventually(lambda kept=template: (templates._link is None) is (kept is None))
        await templates.aclose()


async def test_that_a_file_that_is_gone_is_named_missing(tmp_path):
    async with provider() as local:
        with pytest.raises(MissingFile, match="Gone"):
            await local.load(spec_of(tmp_path / "gone.gguf"), LoadSettings(), lambda _: None)
        assert nothing_runs()


async def test_that_a_cancelled_load_is_reaped_before_it_returns(tmp_path):
    path = write_llama(tmp_path / "m.gguf")
    children = Standing()
    async with provider(children) as local:
        loading = asyncio.ensure_future(local.load(spec_of(path), LoadSettings(), lambda _: None))
        await children.started.wait()
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert not psutil.pid_exists(children.pid)
    await children.aclose()


async def test_that_a_load_without_progress_is_ended(tmp_path):
    path = write_llama(tmp_path / "m.gguf")
    children = Standing()
    async with provider(children, Deadlines(load=0.2)) as local:
        with pytest.raises(LoadStalled, match=r"0\.2 seconds"):
            await local.load(spec_of(path), LoadSettings(), lambda _: None)
        assert nothing_runs()
    await children.aclose()


@pytest.mark.parametrize(
    ("sent", "error"), [(signal.SIGABRT, InvalidFile), (signal.SIGKILL, WorkerCrashed)]
)
async def test_that_a_process_that_dies_while_loading_is_explained(tmp_path, sent, error):
    path = write_llama(tmp_path / "m.gguf")
    children = Standing(sent)
    async with provider(children) as local:
        with pytest.raises(error) as died:
            await local.load(spec_of(path), LoadSettings(), lambda _: None)
        assert sent.name in f"{died.value.what} {died.value.detail}"
    await children.aclose()


async def test_that_a_process_that_can_not_start_is_a_typed_error(tmp_path, monkeypatch):
    path = write_llama(tmp_path / "m.gguf")
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    async with processes() as children, provider(children) as local:
        with pytest.raises(ModelError, match="can't be started"):
            await local.load(spec_of(path), LoadSettings(), lambda _: None)


def test_that_a_drive_that_hangs_does_not_hold_the_end(tmp_path, monkeypatch):
    answers, answered, asked = threading.Event(), [], threading.Event()

    def hang(_):
        asked.set()
        answered.append(answers.wait(5))

    monkeypatch.setattr(llama_cpp, "read_chat_format", hang)

    async def quit_meanwhile():
        async with provider() as local:
            loading = asyncio.ensure_future(
                local.load(spec_of(tmp_path / "m.gguf"), LoadSettings(), lambda _: None)
            )
            await eventually(asked.is_set)
            loading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await loading

    asyncio.run(quit_meanwhile())
    assert answered == []
    answers.set()


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(threads=0),
        LoadSettings(threads=10**6),
        LoadSettings(gpu_layers=-5),
        LoadSettings(flash_attention=False, cache_type_v=CacheType.Q8_0),
    ],
)
async def test_that_a_setting_that_can_not_be_is_refused_before_anything_starts(tmp_path, settings):
    async with provider() as local:
        path = write_llama(tmp_path / "m.gguf")
        with pytest.raises(SettingError) as refused:
            await local.load(spec_of(path), settings, lambda _: None)
        assert refused.value.remedy.endswith(".")
        assert nothing_runs()


async def test_that_an_adapter_that_does_not_fit_is_a_typed_error(tmp_path):
    path = write_llama(tmp_path / "m.gguf")
    settings = LoadSettings(adapters=(Adapter(path=str(path)),))
    async with provider() as local:
        with pytest.raises(SettingError) as refused:
            await local.load(spec_of(path), settings, lambda _: None)
        assert "m.gguf" in refused.value.detail
        assert nothing_runs()


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(slots=2, batch=256, micro_batch=64, batch_threads=1),
        LoadSettings(flash_attention=False),
        LoadSettings(flash_attention=True, cache_type_k=CacheType.BF16),
        LoadSettings(mmap=False),
        LoadSettings(rope_scaling=RopeScaling.LINEAR, rope_scale=0.5, rope_base=10_000),
    ],
)
async def test_that_a_model_answers_however_it_is_loaded(tmp_path, settings):
    async with provider() as local:
        path = write_llama(tmp_path / "m.gguf")
        loaded = await local.load(spec_of(path), settings, lambda _: None)
        _, stats = await answer(loaded, completion("a" * 600, max_tokens=5))
        await loaded.close()
    assert (stats.prompt_tokens, stats.output_tokens) == (600, 5)


@pytest.mark.parametrize(
    "settings",
    [
        LoadSettings(context_length=512),
        LoadSettings(slots=1, cache_type_k=CacheType.BF16, flash_attention=True),
        LoadSettings(micro_batch=64, flash_attention=False),
    ],
)
async def test_that_a_formula_and_a_dry_run_agree_and_nothing_is_left_running(tmp_path, settings):
    path = write_llama(tmp_path / "m.gguf")
    (spec,) = (await LocalModelFiles().read(str(path))).specs
    async with provider() as local:
        plan = await local.plan_memory(spec, settings)
        assert nothing_runs()
    guess = formula(spec, settings)
    assert plan.source is PlanSource.DRY_RUN
    assert plan.part(MemoryPart.CACHE) == pytest.approx(guess.part(MemoryPart.CACHE), rel=0.01)
    assert plan.host <= guess.host <= 1.1 * plan.host


async def test_that_a_use_takes_no_more_than_a_dry_run_says(tmp_path):
    path = write_llama(tmp_path / "m.gguf")
    (spec,) = (await LocalModelFiles().read(str(path))).specs
    async with provider() as local:
        plan = await local.plan_memory(spec, LoadSettings())
        loaded = await local.load(spec, LoadSettings(), lambda _: None)
        await answer(loaded, completion("a" * 600, max_tokens=5))
        assert loaded.memory() <= plan.host
        await loaded.close()


async def test_that_a_dry_run_of_what_can_not_be_loaded_is_a_typed_error(tmp_path):
    async with provider() as local:
        broken = write_broken(tmp_path)["wrong_magic"]
        with pytest.raises(InvalidFile):
            await local.plan_memory(spec_of(broken), LoadSettings())
        with pytest.raises(SettingError):
            await local.plan_memory(spec_of(broken), LoadSettings(slots=99))
        assert nothing_runs()


def test_that_gpu_buffers_are_told_from_the_machine_s_memory():
    planned = protocol.Planned({"CPU": 1, "CUDA0": 2}, {"CUDA0": 4}, {"CUDA_Host": 8, "CUDA0": 16})
    plan = memory_plan(spec_of(Path("m.gguf")), planned)
    assert plan.host == 1 + 8 + PROCESS_BYTES
    assert plan.devices() == {"CUDA0": 22}
