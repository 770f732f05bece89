"""What gestures do to the manager, and what they ask first."""

from contextlib import asynccontextmanager

from app.domain.crashes import CrashCause, CrashReport
from app.domain.errors import DoesNotFit
from app.domain.models import ModelId
from app.ui.intents import Intents
from app.ui.viewmodels.gestures import Gestures
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec

QWEN, LLAMA = ModelId("local:Qwen"), ModelId("local:Llama")


@asynccontextmanager
async def gestures(ports, answer=None):
    questions, failures = [], []

    async def ask(title, text, buttons):
        questions.append(title)
        return answer

    async with ports.manager() as manager:
        intents = Intents()
        intents.failed.connect(failures.append)
        made = Gestures(manager, intents, ask)
        made.questions, made.failures = questions, failures
        try:
            yield manager, made
        finally:
            await intents.aclose()


def two_that_do_not_fit_together():
    ports = fake_ports()
    ports.offer(spec("Qwen", size_bytes=9 * GIGABYTE), spec("Llama", size_bytes=9 * GIGABYTE))
    return ports


async def test_that_a_switch_that_ejects_the_old_model_is_asked_first(qtbot):
    async with gestures(two_that_do_not_fit_together(), "Switch") as (manager, made):
        await manager.models.load(QWEN)
        with qtbot.waitSignal(made.switched, raising=False, timeout=0):
            made.switch(LLAMA)
        await eventually(lambda: manager.models.active() == LLAMA)
        assert made.questions == ["Switch to Llama?"]
        assert manager.models.instance(QWEN) is None


async def test_that_a_switch_that_is_declined_changes_nothing(qtbot):
    async with gestures(two_that_do_not_fit_together(), "Cancel") as (manager, made):
        await manager.models.load(QWEN)
        made.switch(LLAMA)
        await eventually(lambda: made.questions and not made._intents.running("switch"))
        assert manager.models.active() == QWEN


async def test_that_a_switch_with_room_for_both_asks_nothing(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with gestures(ports) as (manager, made):
        await manager.models.load(QWEN)
        made.switch(LLAMA)
        await eventually(lambda: manager.models.active() == LLAMA)
        assert made.questions == []
        assert manager.models.instance(QWEN) is not None


async def test_that_a_second_switch_is_told_what_the_first_waits_for(qtbot):
    async with gestures(two_that_do_not_fit_together(), "Switch") as (manager, made):
        told = []
        made.switching.connect(told.append)
        await manager.models.load(QWEN)
        async with manager.models.lease(QWEN, "Playground"):
            made.switch(LLAMA)
            await eventually(lambda: told)
            assert told == ["Switching to Llama: waiting for Qwen's answers to finish."]
            await eventually(lambda: manager.models.instance(QWEN).state == "draining")
            made.switch(LLAMA)
            assert told[1:] == ["Still switching to Llama: waiting for Qwen's answers to finish."]
            made.cancel_switch()
            await eventually(lambda: told[-1] == "")
        await eventually(lambda: manager.models.instance(QWEN).state == "ready")
        assert manager.models.active() == QWEN
        assert manager.models.instance(LLAMA) is None
        assert made.failures == []


async def test_that_a_second_switch_while_the_first_loads_says_so(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with gestures(ports) as (manager, made):
        told = []
        made.switching.connect(told.append)
        await manager.models.load(QWEN)
        ports.provider.go.clear()
        async with manager.models.lease(QWEN, "Playground"):
            made.switch(LLAMA)
            await eventually(lambda: manager.models.instance(LLAMA))
            assert told == []
            made.switch(LLAMA)
            assert told == ["Still switching to Llama: it is loading."]
            ports.provider.go.set()
            await eventually(lambda: told[-1] == "")
        assert manager.models.active() == LLAMA


async def test_that_retry_loads_a_crashed_model_again(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with gestures(ports) as (manager, made):
        await manager.models.load(QWEN)
        ports.provider.engines[QWEN].crash()
        await eventually(lambda: manager.models.instance(QWEN).state == "crashed")
        made.load(QWEN)
        await eventually(lambda: manager.models.instance(QWEN).state == "ready")


async def test_that_folders_and_model_files_are_told_apart_and_the_rest_refused(qtbot, tmp_path):
    ports = fake_ports()
    file = tmp_path / "Qwen.GGUF"
    (tmp_path / "notes.txt").touch()
    folder = tmp_path / "models"
    folder.mkdir()
    ports.files.disk[str(folder)] = []
    ports.files.disk["elsewhere"] = [spec("Qwen", path=str(file))]
    async with gestures(ports) as (manager, made):
        made.add([str(folder), str(file), str(tmp_path / "notes.txt")])
        await eventually(lambda: made.failures)
        assert [item.path for item in manager.library.folders()] == [str(folder)]
        assert [item.name for item in manager.models.search()] == ["Qwen"]
        assert made.failures[0].what == "notes.txt is neither a folder nor a GGUF file."


async def test_that_what_crashed_is_loaded_with_less_to_go_wrong(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"))
    async with gestures(ports) as (manager, made):
        cause = CrashReport(cause=CrashCause.OUT_OF_MEMORY)
        ports.provider.failures[QWEN] = DoesNotFit("It is too big.", "Eject one.", "", cause)
        made.load(QWEN)
        await eventually(lambda: made.failures)
        ports.provider.failures.clear()
        made.load_safer(QWEN)
        await eventually(lambda: manager.models.instance(QWEN).state == "ready")
        assert ports.provider.settings[-1].slots == 1
        made.load_safer(QWEN)
        assert not made._intents.running(f"load {QWEN}")


async def test_that_what_is_too_big_is_loaded_anyway(qtbot):
    ports = fake_ports()
    ports.devices.total = GIGABYTE
    ports.offer(spec("Qwen"))
    async with gestures(ports) as (manager, made):
        made.load(QWEN)
        await eventually(lambda: made.failures)
        made.load_anyway(QWEN)
        await eventually(lambda: manager.models.instance(QWEN).state == "ready")
