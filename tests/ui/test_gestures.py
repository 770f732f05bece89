"""What gestures do to the manager, and what they ask first."""

from contextlib import asynccontextmanager

from app.domain.crashes import CrashCause, CrashReport
from app.domain.errors import DoesNotFit
from app.domain.instances import InstanceState
from app.domain.models import ModelId
from app.ui.intents import Intents
from app.ui.viewmodels.additions import refusals, said
from app.ui.viewmodels.gestures import Gestures
from tests.support.fakes import GIGABYTE, eventually, fake_ports, spec

QWEN, LLAMA = ModelId("local:Qwen"), ModelId("local:Llama")


@asynccontextmanager
async def gestures(ports):
    failures = []

    async with ports.manager() as manager:
        intents = Intents()
        intents.failed.connect(failures.append)
        made = Gestures(manager, intents)
        made.failures = failures
        try:
            yield manager, made
        finally:
            await intents.aclose()


def two_that_do_not_fit_together():
    ports = fake_ports()
    ports.offer(spec("Qwen", size_bytes=9 * GIGABYTE), spec("Llama", size_bytes=9 * GIGABYTE))
    return ports


PLAN = (
    "Switching to Llama: both don't fit into memory, so Qwen finishes its answers and is "
    "ejected first."
)


async def test_that_a_switch_that_ejects_the_old_model_says_so_first(qtbot):
    async with gestures(two_that_do_not_fit_together()) as (manager, made):
        told = []
        made.switching.connect(lambda text: told.append((text, manager.models.active())))
        await manager.models.load(QWEN)
        made.switch(LLAMA)
        await eventually(lambda: manager.models.active() == LLAMA)
        assert told[0] == (PLAN, QWEN)
        assert manager.models.instance(QWEN) is None


async def test_that_a_roll_back_returns_to_the_model_before(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with gestures(ports) as (manager, made):
        await manager.models.load(QWEN)
        made.roll_back(QWEN)
        assert not made._intents.running("switch")
        await manager.models.switch(LLAMA)
        made.roll_back(LLAMA)
        await eventually(lambda: manager.models.active() == QWEN)
        assert manager.models.alias_history()[0].reason == "rolled back"


async def test_that_a_switch_with_room_for_both_asks_nothing(qtbot):
    ports = fake_ports()
    ports.offer(spec("Qwen"), spec("Llama"))
    async with gestures(ports) as (manager, made):
        await manager.models.load(QWEN)
        told = []
        made.switching.connect(told.append)
        made.switch(LLAMA)
        await eventually(lambda: manager.models.active() == LLAMA)
        assert not any(told)
        assert manager.models.instance(QWEN) is not None


async def test_that_a_second_switch_is_told_what_the_first_waits_for(qtbot):
    async with gestures(two_that_do_not_fit_together()) as (manager, made):
        told = []
        made.switching.connect(told.append)
        await manager.models.load(QWEN)
        async with manager.models.lease(QWEN, "Playground"):
            made.switch(LLAMA)
            await eventually(lambda: told)
            assert told == [PLAN]
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
        told = []
        made.added.connect(told.append)
        made.add([str(tmp_path / "notes.txt"), str(folder), str(file)])
        await eventually(lambda: told)
        assert [item.path for item in manager.library.folders()] == [str(folder)]
        assert [item.name for item in manager.models.search()] == ["Qwen"]
        assert said(told[0]) == "1 model and 1 folder are added; notes.txt can't be added."
        assert refusals(told[0]) == (
            "notes.txt is neither a folder nor a GGUF file. "
            "Choose a folder or a file that ends in .gguf."
        )
        made.add([str(folder), str(file)])
        await eventually(lambda: len(told) == 2)
        assert said(told[1]) == "2 were there already."


async def test_that_two_drops_at_once_are_both_taken(qtbot, tmp_path):
    ports = fake_ports()
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        ports.files.disk[str(folder)] = []
    async with gestures(ports) as (manager, made):
        for folder in folders:
            made.add([str(folder)])
        await eventually(lambda: len(manager.library.folders()) == 2)


async def test_that_a_path_alone_that_cant_be_added_is_said_with_its_reason(qtbot, tmp_path):
    (tmp_path / "notes.txt").touch()
    async with gestures(fake_ports()) as (_, made):
        made.add([str(tmp_path / "notes.txt")])
        await eventually(lambda: made.failures)
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

        def ready() -> bool:
            view = manager.models.instance(QWEN)
            return view is not None and view.state is InstanceState.READY

        await eventually(ready)
