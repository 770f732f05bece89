"""Every template with a known answer, rendered in a real template process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.template_probes import facts_of
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses
from tests.support.templates import RENDERED, cases


@asynccontextmanager
async def prober(limit: float = 10.0) -> AsyncIterator[TemplateProcess]:
    workers = WorkerProcesses()
    templates = TemplateProcess(workers, limit)
    try:
        yield templates
    finally:
        await templates.aclose()
        await workers.aclose()


async def test_that_the_verdict_on_every_template_is_the_known_answer() -> None:
    wrong = {}
    async with prober() as templates:
        for case in cases():
            facts = facts_of(await templates.probe(case.template))
            able = {fact.capability for fact in facts if fact.value}
            assert {fact.capability for fact in facts} == RENDERED
            if able != case.able:
                wrong[case.name] = able ^ case.able
    assert wrong == {}


async def test_that_a_template_that_hangs_is_tried_once() -> None:
    async with prober(0.2) as templates:
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        assert await templates.probe(endless) == {}
        assert (await templates.probe("{{ messages[0].content }}"))["plain"]


async def test_that_a_template_that_is_none_tells_nothing() -> None:
    async with prober() as templates:
        assert await templates.probe("{% nonsense") == {}
