"""One model in llama.cpp: loaded, tokenising, computing and choosing tokens."""

import ctypes
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from app.worker.binding import load_binding
from app.worker.protocol import Generate, Load, Refusal

BATCH = 512
"""Tokens of a prompt that are computed at once; memory is predicted for this figure."""
KEPT_LINES = 12
"""llama.cpp's warnings and errors that explain a failure."""
LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR = 2, 3, 4
DECODE_ABORTED = 2
PIECE_BYTES = 256


class LlamaError(Exception):
    """llama.cpp said no."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class LlamaModel:
    """A loaded model with one context, for one thread at a time.

    Nothing is ever freed here: the process ends with its model.
    """

    def __init__(
        self,
        load: Load,
        on_progress: Callable[[float], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Load a file.

        Args:
            load: what to load, and how.
            on_progress: gets 0 to 1 while the file is read.
            should_stop: asked at every step of a prompt's computation, on a processor that
                isn't the CPU only between chunks; True ends it.

        Raises:
            LlamaError: llama.cpp can't load the file or make its context.
        """
        self._api: Any = load_binding()
        self._log: deque[str] = deque(maxlen=KEPT_LINES)
        self._log_callback = self._api.llama_log_callback(self._note)
        self._api.llama_log_set(self._log_callback, None)
        self._api.llama_backend_init()
        self._model = self._load(load.path, on_progress)
        self._vocabulary = self._api.llama_model_get_vocab(self._model)
        self._context = self._make_context(load)
        self._memory = self._api.llama_get_memory(self._context)
        self._embedding = load.embedding
        self._should_stop = should_stop
        self._stop_callback = self._api.ggml_abort_callback(lambda _: should_stop())
        self._no_callback = self._api.ggml_abort_callback()
        self._piece = ctypes.create_string_buffer(PIECE_BYTES)
        # Padding inside llama.cpp may make the context longer than the model was trained for.
        self.context_length = min(
            load.context_length, int(self._api.llama_n_ctx_seq(self._context))
        )

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of a prompt, with the model's beginning token unless the text brings it."""
        tokens = self._tokenise(text.encode(errors="replace"), special=special)
        begin = self._api.llama_vocab_bos(self._vocabulary)
        if self._api.llama_vocab_get_add_bos(self._vocabulary) and tokens[:1] != [begin]:
            tokens.insert(0, begin)
        return tokens

    def clear(self) -> None:
        """Forget every token that was evaluated."""
        if self._memory:
            self._api.llama_memory_clear(self._memory, False)

    def evaluate_prompt(self, tokens: Sequence[int]) -> bool:
        """Compute a prompt; False when `should_stop` ended it.

        Raises:
            LlamaError: llama.cpp can't compute it.
        """
        # Asking Python at every node of the graph costs nothing beside a whole chunk, and several
        # per cent beside the single tokens of a small model: those are stopped between them.
        self._api.llama_set_abort_callback(self._context, self._stop_callback, None)
        try:
            return all(
                not self._should_stop() and self._evaluate(tokens[start : start + BATCH])
                for start in range(0, len(tokens), BATCH)
            )
        finally:
            self._api.llama_set_abort_callback(self._context, self._no_callback, None)

    def evaluate(self, token: int) -> None:
        """Compute one more token.

        Raises:
            LlamaError: llama.cpp can't compute it.
        """
        self._evaluate((token,))

    @contextmanager
    def sampler(self, request: Generate) -> Iterator[Callable[[], int]]:
        """A function that chooses the next token after the last one evaluated."""
        api = self._api
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        for step in self._sampler_steps(request):
            api.llama_sampler_chain_add(chain, step)
        try:
            yield lambda: int(api.llama_sampler_sample(chain, self._context, -1))
        finally:
            api.llama_sampler_free(chain)

    def ends_answer(self, token: int) -> bool:
        """Whether the model means this token as the end of its answer."""
        return bool(self._api.llama_vocab_is_eog(self._vocabulary, token))

    def piece(self, token: int) -> bytes:
        """The bytes of a token's text; none for control tokens."""
        length = self._api.llama_token_to_piece(
            self._vocabulary, token, self._piece, len(self._piece), 0, False
        )
        if length < 0:
            self._piece = ctypes.create_string_buffer(-length)
            return self.piece(token)
        return self._piece.raw[:length]

    def probe(self) -> None:
        """Compute one token or embedding and look whether the result is numbers.

        Raises:
            LlamaError: it can't be computed, or the result is none.
        """
        self.clear()
        begin = max(0, self._api.llama_vocab_bos(self._vocabulary))
        self._evaluate((begin,))
        if self._embedding:
            pooled = self._api.llama_get_embeddings_seq(self._context, 0)
            values = pooled or self._api.llama_get_embeddings_ith(self._context, -1)
            count = self._api.llama_model_n_embd_out(self._model)
        else:
            values = self._api.llama_get_logits_ith(self._context, -1)
            count = self._api.llama_vocab_n_tokens(self._vocabulary)
        if not values or not all(map(math.isfinite, values[:count])):
            raise LlamaError(Refusal.COMPUTE, "the model's output is not a number")

    def _load(self, path: str, on_progress: Callable[[float], None]) -> Any:
        def report(fraction: float, _: Any) -> bool:
            on_progress(fraction)
            return True

        callback = self._api.llama_progress_callback(report)
        parameters = self._api.llama_model_default_params()
        parameters.progress_callback = callback
        model = self._api.llama_model_load_from_file(os.fsencode(path), parameters)
        if not model:
            raise LlamaError(Refusal.MODEL, self._last_words())
        if self._api.llama_model_has_encoder(model) and self._api.llama_model_has_decoder(model):
            raise LlamaError(Refusal.MODEL, "encoder-decoder models are not supported")
        return model

    def _make_context(self, load: Load) -> Any:
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx = load.context_length
        parameters.n_batch = parameters.n_ubatch = min(BATCH, load.context_length)
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = load.threads or default_threads()
        parameters.embeddings = load.embedding
        if not load.embedding:
            # Logits of the last token only: the buffer for a whole batch of them is by far the
            # largest one. One more output than this is an abort, and pooling needs them all.
            parameters.n_outputs_max = 1
        context = self._api.llama_init_from_model(self._model, parameters)
        if not context:
            raise LlamaError(Refusal.CONTEXT, self._last_words())
        return context

    def _evaluate(self, tokens: Sequence[int]) -> bool:
        array = (self._api.llama_token * len(tokens))(*tokens)
        batch = self._api.llama_batch_get_one(array, len(tokens))
        compute = self._api.llama_decode if self._memory else self._api.llama_encode
        status = compute(self._context, batch)
        if status not in (0, DECODE_ABORTED):
            raise LlamaError(Refusal.COMPUTE, f"status {status}\n{self._last_words()}")
        return bool(status == 0)

    def _tokenise(self, text: bytes, *, special: bool) -> list[int]:
        # A token stands for at least one byte, but for what the vocabulary puts around the text.
        room = len(text) + 8
        while True:
            array = (self._api.llama_token * room)()
            count = self._api.llama_tokenize(
                self._vocabulary, text, len(text), array, room, False, special
            )
            if count >= 0:
                return list(array[:count])
            room = -count

    def _sampler_steps(self, request: Generate) -> Iterator[Any]:
        api = self._api
        if request.temperature <= 0:
            yield api.llama_sampler_init_greedy()
            return
        seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(4), "little")
        yield api.llama_sampler_init_top_k(request.top_k)
        yield api.llama_sampler_init_top_p(request.top_p, 1)
        yield api.llama_sampler_init_min_p(request.min_p, 1)
        yield api.llama_sampler_init_temp(request.temperature)
        yield api.llama_sampler_init_dist(seed & 0xFFFFFFFF)

    def _note(self, level: int, text: bytes, _: Any) -> None:
        line = text.decode(errors="replace").strip()
        if level in (LEVEL_WARNING, LEVEL_ERROR):
            self._log.append(line)
        if level in (LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR):
            os.write(2, f"{line}\n".encode())

    def _last_words(self) -> str:
        return "\n".join(self._log)


def default_threads() -> int:
    """One core stays free for the desktop: a barrier that waits for a busy core stalls them all."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return max(1, cores - 1)
