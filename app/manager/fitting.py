"""Answers to conversations that may be longer than a model's context."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.domain.context_window import fits_without_oldest, next_cut, without_oldest
from app.domain.errors import ContextOverflow, HistoryOverflow
from app.domain.generation import GenerationRequest, GenerationUpdate
from app.ports.engines import Engine


async def generate_fitting(
    engine: Engine,
    request: GenerationRequest,
    left_out: int,
    on_cut: Callable[[int], None] | None,
) -> AsyncGenerator[GenerationUpdate, None]:
    """Stream an answer, leaving out as many of the oldest turns as need be.

    Args:
        engine: the model.
        request: the whole conversation.
        left_out: how many turns to leave out to begin with.
        on_cut: gets how many are left out instead; None where the whole conversation must be shown.

    Raises:
        HistoryOverflow: it doesn't fit, but would without its oldest turns.
        ContextOverflow: it doesn't fit whatever is left out.
        AppError: whatever else the engine raises.
    """
    turns = request.messages
    while True:
        shown = request.model_copy(update={"messages": without_oldest(turns, left_out)})
        try:
            async with aclosing(engine.generate(shown)) as updates:
                async for update in updates:
                    yield update
        except ContextOverflow as error:
            if on_cut is None:
                if fits_without_oldest(turns, error.share):
                    raise _without_oldest(error) from error
                raise
            cut = next_cut(turns, left_out, error.share)
            if cut is None:
                raise
            left_out = cut
            on_cut(cut)
        else:
            return


def _without_oldest(error: ContextOverflow) -> HistoryOverflow:
    way = "ask a model" if error.longest else "load the model"
    return HistoryOverflow(
        error.what,
        f"Leave its oldest turns out, or {way} with a longer context.",
        error.detail,
        share=error.share,
        longest=error.longest,
    )
