"""Tries out on the loaded model what it can, and keeps the dated result."""

import time
from contextlib import aclosing

from app.domain.annotations import ProbeResult
from app.domain.events import CapabilityDetected
from app.domain.generation import TextPiece
from app.domain.models import ModelId
from app.domain.trials import DETAIL, TRIALS, Trial, passes
from app.manager.annotations import Annotations
from app.manager.events import EventBus
from app.manager.models import Models
from app.ports.engines import Engine

OWNER = "test"


class Trials:
    """Asks and judges; the questions run one after another beside whatever else is asked."""

    def __init__(self, models: Models, annotations: Annotations, events: EventBus) -> None:
        self._models = models
        self._annotations = annotations
        self._events = events

    async def run(self, model_id: ModelId) -> tuple[ProbeResult, ...]:
        """Load a model where need be, ask for JSON and a tool call, and keep what came of it.

        Raises:
            ModelError: it can't be loaded, or its process ended.
            RequestError: it can't be asked.
        """
        results = []
        async with self._models.lease(model_id, OWNER) as lease:
            for trial in TRIALS:
                answer = await _answer(lease.engine, trial)
                value = passes(trial.capability, answer)
                results.append(
                    ProbeResult(
                        capability=trial.capability,
                        value=value,
                        at=time.time(),
                        detail="" if value else answer[:DETAIL],
                    )
                )
        await self._annotations.record(model_id, results)
        for result in results:
            self._events.publish(
                CapabilityDetected(
                    model_id=model_id,
                    capability=result.capability,
                    value=result.value,
                    source="it was tried out",
                )
            )
        return tuple(results)


async def _answer(engine: Engine, trial: Trial) -> str:
    async with aclosing(engine.generate(trial.request())) as updates:
        texts = [item.text async for item in updates if isinstance(item, TextPiece)]
    return "".join(texts)
