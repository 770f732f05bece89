"""Every fault of the misbehaving server, with a sentence and an action."""

from typing import Any

from app.domain.error_reports import report_of
from app.domain.errors import AppError
from tests.benchmarks.arms import Arm, interleave
from tests.benchmarks.judging import Effort, worst_part
from tests.benchmarks.rows import Bar, Row, unmeasured
from tests.providers.test_remote import FAULTS, KEY, KINDS, answer, connected


async def unmapped() -> dict[str, Any]:
    """The faults that have no words, others than theirs, or the key among them."""
    bad = []
    for kind in KINDS:
        for name, (behaviour, expected, partial) in FAULTS.items():
            async with connected(kind, behaviour) as (_, engine):
                text, error = await answer(engine)
            mapped = isinstance(error, AppError) and error.what and error.remedy
            if (
                not mapped
                or error.kind is not expected
                or text != partial
                or KEY in repr(report_of(error))
            ):
                bad.append(f"{kind}: {name}")
    return {"bad": len(bad), "examples": bad[:3], "faults": len(KINDS) * len(FAULTS)}


def mapped(effort: Effort) -> list[Row]:
    """How many faults aren't mapped as they should be."""
    outcome = interleave(1, {"app": Arm(f"{__name__}:unmapped")})["app"]
    bar = Bar(0, "faults")
    if outcome.failure:
        part = unmeasured("without words", bar, outcome.failure)
    else:
        examples = "".join(f"; {item}" for item in outcome.results[0]["examples"])
        note = f"of {outcome.figures('faults')[0]:g}, both protocols{examples}"
        part = worst_part("without words", bar, outcome.figures("bad"), note=note)
    return [Row("faults of the misbehaving server without a sentence and an action", [part])]
