"""Embeddings of texts, and their part in a model's figures."""

import asyncio
from collections.abc import Sequence

from app.domain.errors import RequestError
from app.domain.generation import FinishReason
from app.domain.models import ModelId
from app.manager.metrics import Metrics
from app.manager.models import Models

OWNER = "Embeddings"


class Embeddings:
    """Turns texts into vectors; each call is one use of its model."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics

    async def embed(
        self, id_or_alias: str, texts: Sequence[str], *, owner: str = OWNER
    ) -> list[list[float]]:
        """One vector of length 1 for each text, of a model that is loaded when needed.

        Args:
            id_or_alias: the model.
            texts: what to embed.
            owner: who asks, by name.

        Raises:
            RequestError: the model makes no embeddings, or a text is empty or too long.
            ModelError: it can't be loaded, or its process ended.
        """
        async with self._models.lease(id_or_alias, owner) as lease:
            model_id = lease.spec.id
            try:
                vectors = await lease.engine.embed(texts)
            except RequestError:
                raise
            except asyncio.CancelledError:
                await self._count(model_id, FinishReason.CANCELLED)
                raise
            except Exception:
                await self._count(model_id, FinishReason.FAILED)
                raise
            await self._count(model_id, FinishReason.END)
            return vectors

    async def _count(self, model_id: ModelId, finish: FinishReason) -> None:
        await self._metrics.record_use(model_id, finish)
