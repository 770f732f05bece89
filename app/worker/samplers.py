"""How the next token is chosen: llama.cpp's own chain of samplers, and grammars beside it."""

import ctypes
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

from app.worker.binding import load_submodule
from app.worker.llama_context import LlamaContext
from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Generate, Refusal


class Sampler:
    """Chooses one answer's tokens; keeps what the penalties and the grammar remember."""

    def __init__(
        self,
        model: LlamaModel,
        context: LlamaContext,
        request: Generate,
        prompt: Sequence[int],
    ) -> None:
        """Make the chain that a request asks for; penalties count the prompt's tokens as well.

        Raises:
            LlamaError: its grammar or JSON schema can't be read, or it names an unknown token.
        """
        self._api = api = model.api
        self._context = context
        self._grammar: _Grammar | None = None
        grammar = request.grammar or grammar_of(request.json_schema)
        if grammar:
            self._grammar = _Grammar(model, grammar)
        self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        for step in _steps(model, request):
            api.llama_sampler_chain_add(self._chain, step)
        if penalises(request):
            for token in prompt[-request.penalty_last_n :]:
                api.llama_sampler_accept(self._chain, token)
        self._sample = api.llama_sampler_sample

    def choose(self, place: int) -> int:
        """The next token, from the result at this place of the last batch.

        Raises:
            LlamaError: no token of the model can continue as the grammar demands.
        """
        if self._grammar is None:
            return int(self._sample(self._chain, self._context.handle, place))
        return self._grammar.choose(
            self._chain, self._api.llama_get_logits_ith(self._context.handle, place)
        )

    def free(self) -> None:
        """Give the chain back."""
        self._api.llama_sampler_free(self._chain)
        if self._grammar is not None:
            self._grammar.free()


class _Grammar:
    """Keeps a chain within a grammar.

    Holding every token of a vocabulary against a grammar is slow, so the chain chooses first and
    only its choice is checked; when that breaks the grammar, the chain chooses again among those
    that don't.
    """

    def __init__(self, model: LlamaModel, text: str) -> None:
        self._api = api = model.api
        if "\0" in text:
            raise LlamaError(Refusal.SAMPLING, "The grammar holds a null character.")
        self._handle = api.llama_sampler_init_grammar(model.vocabulary, text.encode(), b"root")
        if not self._handle:
            raise LlamaError(Refusal.SAMPLING, f"llama.cpp can't read this grammar:\n{text[:2000]}")
        size = model.vocabulary_size
        self._size = size
        self._data = (api.llama_token_data * size)()
        # Three numbers of four bytes each: token, logit, probability.
        self._ids = memoryview(self._data).cast("B").cast("i")[0::3]
        self._logits = memoryview(self._data).cast("B").cast("f")[1::3]
        self._all_ids = memoryview((ctypes.c_int32 * size)(*range(size))).cast("B").cast("i")

    def choose(self, chain: Any, logits: Any) -> int:
        """The chain's choice among the tokens that the grammar allows; both remember it."""
        api = self._api
        array = self._candidates(logits)
        api.llama_sampler_apply(chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        if not self._allows(token):
            array = self._candidates(logits)
            api.llama_sampler_apply(self._handle, ctypes.byref(array))
            api.llama_sampler_apply(chain, ctypes.byref(array))
            chosen = array.data[array.selected]
            if not math.isfinite(chosen.logit):
                # To accept a token that the grammar doesn't allow would end the process.
                raise LlamaError(
                    Refusal.SAMPLING, "No token of this model continues as the grammar demands."
                )
            token = int(chosen.id)
        api.llama_sampler_accept(self._handle, token)
        api.llama_sampler_accept(chain, token)
        return token

    def free(self) -> None:
        self._api.llama_sampler_free(self._handle)

    def _candidates(self, logits: Any) -> Any:
        size = ctypes.sizeof(ctypes.c_float) * self._size
        given = (ctypes.c_char * size).from_address(ctypes.addressof(logits.contents))
        self._ids[:] = self._all_ids
        self._logits[:] = memoryview(given).cast("B").cast("f")
        return self._array(self._data, self._size)

    def _allows(self, token: int) -> bool:
        one = (self._api.llama_token_data * 1)()
        one[0].id, one[0].logit = token, 1.0
        array = self._array(one, 1)
        self._api.llama_sampler_apply(self._handle, ctypes.byref(array))
        return math.isfinite(one[0].logit)

    def _array(self, data: Any, size: int) -> Any:
        pointer = ctypes.cast(data, ctypes.POINTER(self._api.llama_token_data))
        return self._api.llama_token_data_array(pointer, size, -1, False)


def grammar_of(schema: str) -> str:
    """The grammar that a JSON schema stands for; none for no schema.

    Raises:
        LlamaError: it isn't a schema that can be written as a grammar.
    """
    if not schema:
        return ""
    try:
        return str(load_submodule("llama_grammar").json_schema_to_gbnf(schema))
    except Exception as error:
        # Written for well-formed schemas: what a bad one raises is anything.
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        raise LlamaError(Refusal.SAMPLING, f"The JSON schema can't be used.\n{detail}") from error


def penalises(request: Generate) -> bool:
    """Whether tokens that were there before count less."""
    penalties = (request.repeat_penalty - 1, request.frequency_penalty, request.presence_penalty)
    return request.penalty_last_n > 0 and any(penalties)


def _steps(model: LlamaModel, request: Generate) -> Iterator[Any]:
    """The samplers in llama.cpp's own order; those that change nothing are left out."""
    api = model.api
    if request.logit_bias:
        yield _logit_bias(model, request.logit_bias)
    if penalises(request):
        yield api.llama_sampler_init_penalties(
            model.vocabulary_size,
            request.penalty_last_n,
            request.repeat_penalty,
            request.frequency_penalty,
            request.presence_penalty,
        )
    if request.temperature <= 0:
        yield api.llama_sampler_init_greedy()
        return
    seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(4), "little")
    yield api.llama_sampler_init_top_k(request.top_k)
    if request.typical_p < 1:
        yield api.llama_sampler_init_typical(request.typical_p, 1)
    yield api.llama_sampler_init_top_p(request.top_p, 1)
    yield api.llama_sampler_init_min_p(request.min_p, 1)
    yield api.llama_sampler_init_temp(request.temperature)
    yield api.llama_sampler_init_dist(seed & 0xFFFFFFFF)


def _logit_bias(model: LlamaModel, biases: list[tuple[int, float]]) -> Any:
    unknown = next((token for token, _ in biases if not model.knows(token)), None)
    if unknown is not None:
        raise LlamaError(Refusal.SAMPLING, f"The model has no token {unknown} to favour or ban.")
    array = (model.api.llama_logit_bias * len(biases))()
    for entry, (token, bias) in zip(array, biases, strict=True):
        entry.token, entry.bias = token, bias
    return model.api.llama_sampler_init_logit_bias(model.vocabulary_size, len(biases), array)
