"""Queries into a model's own files: keys, tensors, template, digest."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from app.domain.errors import MissingFile
from app.domain.generation import ChatMessage
from app.domain.inspection import FileDigest, KeyPage, TensorPage, ValuePage
from app.domain.models import ModelId, ModelSpec
from app.manager.registry import Registry
from app.ports.engines import NOTHING_TOLD, TemplateRenderer
from app.ports.files import FileInspection

PAGE = 200


class Inspection:
    """Answers by model id; nothing of it is kept."""

    def __init__(
        self, registry: Registry, files: FileInspection, renderer: TemplateRenderer
    ) -> None:
        self._registry = registry
        self._files = files
        self._renderer = renderer

    async def keys(self, model_id: ModelId, offset: int = 0, limit: int = PAGE) -> KeyPage:
        """Some of the header's keys, as the file has them.

        Raises:
            ModelError: the model is unknown, gone or broken.
        """
        return await self._files.keys(self._spec(model_id).path, offset, limit)

    async def values(
        self, model_id: ModelId, key: str, offset: int = 0, limit: int = PAGE
    ) -> ValuePage:
        """Some items of a key that holds a list.

        Raises:
            ModelError: the model is unknown, gone or broken, or has no such key.
        """
        return await self._files.values(self._spec(model_id).path, key, offset, limit)

    async def tensors(self, model_id: ModelId, offset: int = 0, limit: int = PAGE) -> TensorPage:
        """Some of the tensors, and the quantisation mix of all of them.

        Raises:
            ModelError: the model is unknown, gone or broken.
        """
        spec = self._spec(model_id)
        return await self._files.tensors(spec.path, spec.shards, offset, limit)

    async def chat_template(self, model_id: ModelId) -> str:
        """The source of its chat template; empty where it brings none.

        Raises:
            ModelError: the model is unknown, gone or broken.
        """
        template, _ = await self._files.chat_template(self._spec(model_id).path)
        return template

    async def preview(
        self,
        model_id: ModelId,
        messages: Sequence[ChatMessage],
        variables: Mapping[str, bool | str] = NOTHING_TOLD,
    ) -> str:
        """What its template makes of a conversation; empty where it brings none.

        Raises:
            ModelError: the model is unknown, gone or broken.
            TemplateFailed: the template can't render it.
        """
        template, tokens = await self._files.chat_template(self._spec(model_id).path)
        if not template:
            return ""
        return await self._renderer.render(template, messages, tokens, variables)

    async def sha256(self, model_id: ModelId) -> AsyncGenerator[float | FileDigest, None]:
        """The share of its files that is hashed so far, 0 to 1, and each one's digest in order.

        Closing the generator ends the reading.

        Raises:
            ModelError: the model is unknown or gone.
        """
        spec = self._spec(model_id)
        async with aclosing(self._files.sha256(spec.path, spec.shards)) as steps:
            async for step in steps:
                yield step

    def _spec(self, model_id: ModelId) -> ModelSpec:
        spec = self._registry.get(model_id)
        if not spec.path:
            raise MissingFile(f"{spec.name} isn't a file on this machine.", "Choose a local model.")
        return spec
