"""The arms to beat: llama.cpp's low-level loop with nothing around it, and the binding's own API."""

import ctypes
import os
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from tests.benchmarks.silent import silent_binding

MICRO_BATCH = 512
FIRST_CELLS, SLOTS = 256, 4
"""What the app's own first context has."""
BATCH = 2048
"""What llama.cpp takes at once by default."""


class BareModel:
    """A model and a context, as few lines as they take."""

    def __init__(self, path: str, threads: int, context: int, sequences: int = 1) -> None:
        api = self.api = silent_binding()
        api.llama_backend_init()
        self.model = api.llama_model_load_from_file(
            os.fsencode(path), api.llama_model_default_params()
        )
        parameters = api.llama_context_default_params()
        parameters.n_ctx = context * sequences
        parameters.n_seq_max = sequences
        parameters.n_batch, parameters.n_ubatch = BATCH, MICRO_BATCH
        parameters.n_outputs_max = sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = api.llama_init_from_model(self.model, parameters)
        self.vocabulary = api.llama_model_get_vocab(self.model)
        self.memory = api.llama_get_memory(self.context)
        self._warm_up()

    def tokenise(self, text: str) -> list[int]:
        """The prompt's tokens, with the beginning token where the model wants it."""
        data = text.encode()
        tokens = (self.api.llama_token * (len(data) + 8))()
        count = self.api.llama_tokenize(
            self.vocabulary, data, len(data), tokens, len(tokens), False, False
        )
        begin = [self.api.llama_vocab_bos(self.vocabulary)]
        added = begin if self.api.llama_vocab_get_add_bos(self.vocabulary) else []
        return [*added, *tokens[:count]]

    def decode(self, tokens: Sequence[int]) -> None:
        """Compute tokens of the first sequence."""
        array = (self.api.llama_token * len(tokens))(*tokens)
        assert self.api.llama_decode(self.context, self.batch(array)) == 0

    def batch(self, array: Any) -> Any:
        """A batch over an array, which must outlive it."""
        return self.api.llama_batch_get_one(array, len(array))

    def greedy(self) -> Any:
        """A sampler that takes the likeliest token."""
        chain = self.api.llama_sampler_chain_init(self.api.llama_sampler_chain_default_params())
        self.api.llama_sampler_chain_add(chain, self.api.llama_sampler_init_greedy())
        return chain

    def stream(self, tokens: int) -> Iterator[bytes]:
        """So many tokens after what was computed last, the text of each as it is chosen."""
        api, context, vocabulary = self.api, self.context, self.vocabulary
        chain = self.greedy()
        piece = ctypes.create_string_buffer(256)
        array = (api.llama_token * 1)()
        batch = self.batch(array)
        for left in range(tokens, 0, -1):
            array[0] = api.llama_sampler_sample(chain, context, -1)
            length = api.llama_token_to_piece(vocabulary, array[0], piece, 256, 0, False)
            yield piece.raw[:length]
            if left > 1:
                api.llama_decode(context, batch)
        api.llama_sampler_free(chain)

    def _warm_up(self) -> None:
        self.decode([self.api.llama_vocab_bos(self.vocabulary)])
        self.api.llama_memory_clear(self.memory, False)


def ready(path: str, threads: int) -> dict[str, Any]:
    """Seconds until a model has computed a token, of llama.cpp's own: no process, no binding."""
    BareModel(path, threads, FIRST_CELLS, SLOTS)
    start = time.perf_counter()
    BareModel(path, threads, FIRST_CELLS, SLOTS)
    return {"seconds": time.perf_counter() - start}


def generation(
    path: str, threads: int, prompt: str, tokens: int, seconds: float | None = None
) -> dict[str, Any]:
    """A prompt and its answer, alone in a process; `seconds` ends it early."""
    model = BareModel(path, threads, 4096 if len(prompt) + tokens > 2000 else 2048)
    start = time.monotonic_ns()
    ids = model.tokenise(prompt)
    model.decode(ids)
    stamps: list[int] = []
    for _ in model.stream(tokens):
        stamps.append(time.monotonic_ns())
        if seconds is not None and stamps[-1] - stamps[0] > seconds * 1e9:
            break
    return {
        "prompt_tokens": len(ids),
        "prompt_rate": len(ids) / ((stamps[0] - start) / 1e9),
        "rate": (len(stamps) - 1) / ((stamps[-1] - stamps[0]) / 1e9),
    }


def streams(path: str, threads: int, sequences: int, tokens: int) -> dict[str, Any]:
    """One sequence and several in one batch, in turn, as llama-batched-bench measures them."""
    model = BareModel(path, threads, 2048, sequences)
    rates = [(_batched(model, 1, tokens), _batched(model, sequences, tokens)) for _ in range(3)]
    one, many = (median(taken) for taken in zip(*rates, strict=True))
    return {"one": one, "many": many, "ratio": many / one}


def _batched(model: BareModel, sequences: int, tokens: int) -> float:
    """Tokens a second of all sequences together; which token comes doesn't matter here."""
    api = model.api
    api.llama_memory_clear(model.memory, False)
    batch = api.llama_batch_init(sequences, 0, 1)
    batch.n_tokens = sequences
    for index in range(sequences):
        batch.token[index] = api.llama_vocab_bos(model.vocabulary)
        batch.n_seq_id[index] = 1
        batch.seq_id[index][0] = index
        batch.logits[index] = 1
    start = 0
    for position in range(tokens + 1):
        for index in range(sequences):
            batch.pos[index] = position
        assert api.llama_decode(model.context, batch) == 0
        if position == 0:
            start = time.monotonic_ns()
    rate = sequences * tokens / ((time.monotonic_ns() - start) / 1e9)
    api.llama_batch_free(batch)
    return rate


def completion(path: str, threads: int, prompt: str, tokens: int) -> dict[str, Any]:
    """The same through `Llama.create_completion`, streamed."""
    from llama_cpp import Llama

    model = Llama(
        path, n_ctx=2048, n_batch=BATCH, n_ubatch=MICRO_BATCH, n_threads=threads,
        n_threads_batch=threads, verbose=False,
    )  # fmt: skip
    stamps = [
        time.monotonic_ns()
        for _ in model.create_completion(prompt, max_tokens=tokens, temperature=0, stream=True)
    ]
    # The last chunk carries the reason for the end and no token.
    stamps.pop()
    counted = model.n_tokens - len(model.tokenize(prompt.encode()))
    if abs(counted - tokens) > 1:
        return {"unable": f"the answer has {counted} tokens instead of {tokens}"}
    return {"rate": (tokens - 1) / ((stamps[-1] - stamps[0]) / 1e9)}
