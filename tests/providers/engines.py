"""Engines on real files in real workers, closed whatever the test does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.domain.generation import (
    ChatMessage,
    GenerationEnd,
    GenerationRequest,
    GenerationStats,
    Role,
    Sampling,
    TextPiece,
)
from app.domain.load_settings import LoadSettings
from app.domain.models import Capability, CapabilityFact, ModelId, ModelSpec
from app.providers.llama_cpp import LlamaCppProvider
from app.providers.llama_engine import Deadlines, LlamaEngine
from app.providers.templates import TemplateProcess
from app.system.processes import WorkerProcesses

GREEDY = Sampling(temperature=0)


def spec_of(path: Path, *capabilities: Capability) -> ModelSpec:
    return ModelSpec(
        id=ModelId(f"local:{path.stem}"),
        provider="local",
        name=path.stem.title(),
        path=str(path),
        context_length=2048,
        capabilities=tuple(
            CapabilityFact(capability=capability, value=True, source="test")
            for capability in capabilities
        ),
    )


@asynccontextmanager
async def processes() -> AsyncIterator[WorkerProcesses]:
    """Worker processes, none of which outlives the test."""
    children = WorkerProcesses()
    try:
        yield children
    finally:
        await children.aclose()


@asynccontextmanager
async def provider(
    children: WorkerProcesses | None = None, deadlines: Deadlines | None = None
) -> AsyncIterator[LlamaCppProvider]:
    async with processes() as own:
        used = children or own
        templates = TemplateProcess(used)
        try:
            yield LlamaCppProvider(used, templates, deadlines)
        finally:
            await templates.aclose()


@asynccontextmanager
async def engine(
    path: Path,
    *capabilities: Capability,
    settings: LoadSettings | None = None,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[LlamaEngine]:
    async with provider(deadlines=deadlines) as local:
        loaded = await local.load(
            spec_of(path, *capabilities), settings or LoadSettings(threads=1), lambda _: None
        )
        try:
            yield loaded
        finally:
            await loaded.close()


def chat(*texts: str, **changes: object) -> GenerationRequest:
    """A request with these texts as turns, the user's first."""
    roles = [Role.USER, Role.ASSISTANT]
    messages = [ChatMessage(role=roles[i % 2], text=text) for i, text in enumerate(texts)]
    return GenerationRequest(messages=tuple(messages), **{"sampling": GREEDY} | changes)


def completion(prompt: str, **changes: object) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, **{"sampling": GREEDY} | changes)


async def answer(loaded: LlamaEngine, request: GenerationRequest) -> tuple[str, GenerationStats]:
    """The whole text of an answer, and its figures."""
    text, stats = "", None
    async for update in loaded.generate(request):
        match update:
            case TextPiece():
                assert stats is None
                text += update.text
            case GenerationEnd():
                stats = update.stats
    assert stats is not None
    return text, stats
