"""What is known of models: verdicts on templates with known answers."""

from typing import Any

from app.domain.template_probes import facts_of
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, median_part
from tests.benchmarks.rows import Bar, Row
from tests.support.templates import cases


async def judged() -> dict[str, Any]:
    """How many templates have a verdict other than their known answer."""
    workers = WorkerProcesses()
    prober = TemplateProcess(workers)
    wrong = 0
    try:
        for case in cases():
            facts = facts_of(await prober.probe(case.template))
            wrong += {fact.capability for fact in facts if fact.value} != case.able
    finally:
        await prober.aclose()
        await workers.aclose()
    return {"wrong": wrong}


def capabilities(_: Effort) -> list[Row]:
    """Every template once."""
    outcome = interleave(1, {"judge": Arm(f"{__name__}:judged")})["judge"]
    part = median_part(f"wrong of {len(cases())}", Bar(0, ""), outcome, "wrong")
    return [Row("capability verdicts on templates with known answers", [part])]
