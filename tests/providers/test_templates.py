"""Templates by strangers render, and nothing they do reaches further than their process."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import psutil
import pytest

from app.domain.errors import TemplateFailed
from app.domain.generation import ChatMessage, Role
from app.providers.templates import TemplateProcess
from tests.providers.engines import processes
from tests.support.fakes import eventually
from tests.support.models import CHAT_TEMPLATE

TURNS = (ChatMessage(role=Role.SYSTEM, text="Be brief."), ChatMessage(role=Role.USER, text="Hé"))
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
CHATML = "<s><|im_start|>system\nBe brief.</s>\n<|im_start|>user\nHé</s>\n<|im_start|>assistant\n"


@asynccontextmanager
async def templates(**options):
    async with processes() as children:
        renderer = TemplateProcess(children, **options)
        try:
            yield renderer
        finally:
            await renderer.aclose()


async def pid_of(renderer):
    """The id of its process, up and running."""
    await renderer.render("", TURNS, SPECIAL)
    return renderer._link._child.pid


async def test_that_a_chatml_template_renders_in_its_process():
    async with templates() as renderer:
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML


async def test_that_renders_side_by_side_each_get_their_own_text():
    async with templates() as renderer:
        texts = await asyncio.gather(
            *(renderer.render(f"{number}", TURNS, SPECIAL) for number in range(20))
        )
        assert texts == [str(number) for number in range(20)]


async def test_that_an_endless_template_is_killed_and_the_next_one_renders():
    async with templates(limit=0.3) as renderer:
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        with pytest.raises(TemplateFailed, match=r"more than 0\.3 seconds"):
            await renderer.render(endless, TURNS, SPECIAL)
    async with templates() as renderer:
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML


async def test_that_a_memory_bomb_is_refused_by_a_process_that_goes_on():
    async with templates(limit=10) as renderer:
        with pytest.raises(TemplateFailed) as refused:
            await renderer.render("{{ 'x' * 1500000000 }}", TURNS, SPECIAL)
        assert "MemoryError" in refused.value.detail
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML


async def test_that_an_escape_from_the_sandbox_is_refused():
    async with templates() as renderer:
        with pytest.raises(TemplateFailed) as refused:
            await renderer.render(
                "{{ cycler.__init__.__globals__.os.popen('id').read() }}", TURNS, SPECIAL
            )
        assert "unsafe" in refused.value.detail


async def test_that_a_cancelled_render_is_no_one_elses_answer():
    async with templates() as renderer:
        await pid_of(renderer)
        waiting = asyncio.ensure_future(renderer.render("{{ 'x' * 1000 }}", TURNS, SPECIAL))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML


async def test_that_a_worker_that_died_while_idle_is_replaced_unnoticed():
    async with templates() as renderer:
        os.kill(await pid_of(renderer), signal.SIGKILL)
        await renderer._link.ended()
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML


async def test_that_a_template_that_brings_its_process_down_is_named():
    async with templates(limit=30) as renderer:
        pid = await pid_of(renderer)
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.ensure_future(renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(TemplateFailed, match="brought its process down"):
            await waiting


async def test_that_a_warm_process_is_the_one_that_renders():
    async with templates() as renderer:
        renderer.warm()
        renderer.warm()
        await eventually(lambda: renderer._link)
        pid = renderer._link._child.pid
        assert await pid_of(renderer) == pid
        assert [child.pid for child in psutil.Process().children()] == [pid]


async def test_that_closing_ends_a_process_that_is_still_starting():
    async with templates() as renderer:
        renderer.warm()
        await asyncio.sleep(0)
        await renderer.aclose()
        assert not psutil.Process().children()


async def test_that_a_process_that_can_not_start_is_a_typed_error(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    async with templates() as renderer:
        with pytest.raises(TemplateFailed, match="can't be started"):
            await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL)
        renderer.warm()
        await eventually(lambda: "can't be started" in caplog.text)


async def test_that_a_template_renders_on_the_windows_loop(qapp):
    async with templates() as renderer:
        assert await renderer.render(CHAT_TEMPLATE, TURNS, SPECIAL) == CHATML
