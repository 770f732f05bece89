"""A model's memory of several conversations, and the computing on it."""

import ctypes
import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from app.worker.llama_model import LlamaError, LlamaModel
from app.worker.protocol import Load, Refusal

DECODE_ABORTED = 2
CACHE_TYPES = {
    "f32": 0,
    "f16": 1,
    "bf16": 30,
    "q8_0": 8,
    "q5_1": 7,
    "q5_0": 6,
    "q4_1": 3,
    "q4_0": 2,
    "iq4_nl": 20,
}
"""ggml's numbers for what the key-value cache may be made of."""
ROPE_SCALINGS = {"none": 0, "linear": 1, "yarn": 2, "longrope": 3}
POOLINGS = {"none": 0, "mean": 1, "cls": 2, "last": 3}

FIRST_CELLS = 256
"""Tokens that a slot holds at first. Clearing the memory for all that slots may hold takes longer
than reading the model, so that waits for a pause, or for the first prompt that needs it."""


def context_parameters(api: Any, load: Load, cells: int) -> Any:
    """What llama.cpp makes a context by that has room for so many tokens in each slot."""
    slots = slots_of(load)
    parameters = api.llama_context_default_params()
    parameters.n_ctx = cells * slots
    parameters.n_batch = min(load.batch, cells)
    parameters.n_ubatch = min(load.micro_batch, parameters.n_batch)
    parameters.n_seq_max = slots
    parameters.embeddings = load.embedding
    if load.embedding:
        # A model that looks both ways needs the whole text at once, and pooling all of it.
        parameters.n_ubatch = parameters.n_batch
        parameters.pooling_type = POOLINGS.get(load.pooling or "", -1)
    else:
        # Logits of one token a slot: the buffer for a whole batch of them is by far the
        # largest one. One output more than this is an abort.
        parameters.n_outputs_max = slots
    if load.flash_attention is not None:
        parameters.flash_attn_type = int(load.flash_attention)
    parameters.type_k = CACHE_TYPES[load.cache_type_k]
    parameters.type_v = CACHE_TYPES[load.cache_type_v]
    if load.rope_scaling is not None:
        parameters.rope_scaling_type = ROPE_SCALINGS[load.rope_scaling]
    parameters.rope_freq_base = load.rope_base or 0.0
    parameters.rope_freq_scale = load.rope_scale or 0.0
    return parameters


def slots_of(load: Load) -> int:
    """Sequences that a context holds side by side."""
    return 1 if load.embedding else load.slots


class LlamaContext:
    """Computes tokens, for one thread at a time. Slots keep one conversation's tokens each.

    Every slot has its own part of the key-value cache: a part that several shared would have each
    of them look through all the others' tokens.
    """

    def __init__(self, model: LlamaModel, load: Load, on_node: Callable[[], None]) -> None:
        """Make a context.

        Args:
            model: what computes.
            load: how long, how wide and on what.
            on_node: called while a prompt is computed, for a sign of life; often.

        Raises:
            LlamaError: llama.cpp can't make it.
        """
        self._model = model
        self._api = model.api
        self._load = load
        self._embedding = load.embedding
        # A state that is carried along has no part to take back.
        self._forgets = not (
            self._api.llama_model_is_recurrent(model.handle)
            or self._api.llama_model_is_hybrid(model.handle)
        )
        self._slots = slots_of(load)
        self.limit = load.context_length
        """Tokens that a slot may come to hold."""
        self._prepare_abort(on_node)
        self._threads = 0
        self._adapters = [self._adapter(path) for path, _ in load.adapters]
        self._open(
            min(FIRST_CELLS, self.limit) if load.later and not load.embedding else self.limit
        )
        self._prepare_batches()

    def abort(self) -> None:
        """End the computation under way, from any thread; what it computed is lost."""
        self._flag[0] = 1

    def arm(self) -> None:
        """Forget an `abort` that came too late for the last computation."""
        self._flag[0] = 0

    def use_threads(self, threads: int, batch_threads: int) -> None:
        """Compute with so many threads from now on."""
        wanted = threads << 16 | batch_threads
        if wanted != self._threads:
            self._threads = wanted
            self._api.llama_set_n_threads(self.handle, threads, batch_threads)

    def grow(self, held: Collection[int]) -> frozenset[int]:
        """Make the memory as large as it may become.

        Args:
            held: the slots that hold something.

        Returns:
            Those of them that still do.

        Raises:
            LlamaError: there isn't so much memory, and nothing can be computed any more.
        """
        states = {slot: self._state(slot) for slot in held}
        # Never both at once: the larger one may be all that fits.
        self._api.llama_free(self.handle)
        self._open(self.limit)
        return self._restore(states)

    def keep(self, slot: int, tokens: int, of: int) -> int:
        """Forget all but a slot's first tokens.

        Args:
            slot: the slot.
            tokens: how many of them are wanted.
            of: how many it holds.

        Returns:
            How many are left: none where the model can't forget a part, as one that carries a
            state along or has let go of what lies outside a sliding window.
        """
        if tokens == of:
            return tokens
        api, memory = self._api, self._memory
        if (
            tokens
            and api.llama_memory_seq_pos_min(memory, slot) == 0
            and api.llama_memory_seq_rm(memory, slot, tokens, -1)
        ):
            return tokens
        api.llama_memory_seq_rm(memory, slot, -1, -1)
        return 0

    def can_repeat(self, slot: int) -> bool:
        """Whether a token that a slot's computation was aborted at can be computed again alone."""
        return self._forgets and self._api.llama_memory_seq_pos_min(self._memory, slot) == 0

    def compute_streams(
        self, slots: tuple[int, ...], tokens: Sequence[int], positions: Sequence[int]
    ) -> bool:
        """Compute one token in each of these slots, in one batch; False when it was aborted.

        The results are at the slots' places in the batch.

        Raises:
            LlamaError: llama.cpp can't compute it.
        """
        batch = self._stream_batches.get(slots)
        if batch is None:
            batch = self._stream_batches[slots] = self._stream_batch(slots)
        for index, token in enumerate(tokens):
            self._tokens[index] = token
            self._positions[index] = positions[index]
        return self._compute(batch)

    def compute_prompt(self, slot: int, tokens: Sequence[int], start: int, *, last: bool) -> bool:
        """Compute a part of a slot's prompt; False when it was aborted.

        Args:
            slot: the slot.
            tokens: the part, of at most `batch` tokens.
            start: the position of its first token.
            last: whether the prompt ends with it; the result is then at the part's last place.

        Raises:
            LlamaError: llama.cpp can't compute it.
        """
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = range(start, start + count)
        batch = self._prompt_batches[slot]
        batch.n_tokens = count
        self._prompt_outputs[count - 1] = last
        # Asking Python at every node of the graph costs nothing beside a whole part, and several
        # per cent beside the single tokens of a small model: those ask a function of the C library.
        self._api.llama_set_abort_callback(self.handle, self._node_callback, self._flag)
        try:
            return self._compute(batch)
        finally:
            self._prompt_outputs[count - 1] = 0
            self._api.llama_set_abort_callback(self.handle, self._flag_callback, self._flag)

    def probe(self, slot: int) -> None:
        """Compute one token or embedding and look whether the result is numbers.

        The slot holds nothing, before and after.

        Raises:
            LlamaError: it can't be computed, or the result is none.
        """
        if self._embedding:
            values = self._embedded([self._model.any_token])
        else:
            self.compute_streams((slot,), [self._model.any_token], [0])
            logits = self._api.llama_get_logits_ith(self.handle, 0)
            values = logits[: self._model.vocabulary_size]
            self.keep(slot, 0, 1)
        if not all(map(math.isfinite, values)):
            raise LlamaError(Refusal.COMPUTE, "the model's output is not a number")

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """The vector of a text, of length 1.

        Raises:
            LlamaError: it can't be computed.
        """
        values = self._embedded(tokens)
        length = math.sqrt(math.fsum(value * value for value in values))
        if not length or not math.isfinite(length):
            raise LlamaError(Refusal.COMPUTE, "the model's output is not a number")
        return [value / length for value in values]

    def _embedded(self, tokens: Sequence[int]) -> list[float]:
        api = self._api
        if self._memory:
            api.llama_memory_clear(self._memory, False)
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = range(count)
        batch = self._prompt_batches[0]
        batch.n_tokens = count
        self._prompt_outputs[:count] = [1] * count
        self._compute(batch)
        pooled = api.llama_get_embeddings_seq(self.handle, 0)
        values = pooled or api.llama_get_embeddings_ith(self.handle, -1)
        if not values:
            raise LlamaError(Refusal.COMPUTE, "the model gives no vector")
        return list(values[: api.llama_model_n_embd_out(self._model.handle)])

    def _compute(self, batch: Any) -> bool:
        compute = self._api.llama_decode if self._memory else self._api.llama_encode
        status = compute(self.handle, batch)
        if status == 0:
            return True
        if status == DECODE_ABORTED:
            return False
        raise LlamaError(Refusal.COMPUTE, f"status {status}\n{self._model.last_words()}")

    def _open(self, cells: int) -> None:
        """Make llama.cpp's context, with room for so many tokens in each slot."""
        api = self._api
        handle = api.llama_init_from_model(
            self._model.handle, context_parameters(api, self._load, cells)
        )
        if not handle:
            raise LlamaError(Refusal.CONTEXT, self._model.last_words())
        self.handle = handle
        self.cells = cells
        self.batch = int(api.llama_n_batch(handle))
        self.micro_batch = int(api.llama_n_ubatch(handle))
        self._memory = api.llama_get_memory(handle)
        self._threads = 0
        self._adapt()
        api.llama_set_abort_callback(handle, self._flag_callback, self._flag)

    def _adapter(self, path: str) -> Any:
        adapter = self._api.llama_adapter_lora_init(self._model.handle, path.encode())
        if not adapter:
            raise LlamaError(
                Refusal.SETTING,
                f"The adapter {path} doesn't fit this model.\n{self._model.last_words()}",
            )
        return adapter

    def _adapt(self) -> None:
        """Put the LoRA adapters over the weights."""
        count = len(self._adapters)
        if not count:
            return
        adapters = (ctypes.c_void_p * count)(*self._adapters)
        scales = (ctypes.c_float * count)(*(scale for _, scale in self._load.adapters))
        if self._api.llama_set_adapters_lora(self.handle, adapters, count, scales) != 0:
            raise LlamaError(Refusal.SETTING, self._model.last_words())

    def _state(self, slot: int) -> Any:
        """What a slot holds, as bytes."""
        api = self._api
        size = api.llama_state_seq_get_size(self.handle, slot)
        state = (ctypes.c_uint8 * size)()
        api.llama_state_seq_get_data(self.handle, state, size, slot)
        return state

    def _restore(self, states: Mapping[int, Any]) -> frozenset[int]:
        """Put back what slots held; the slots for which that went well."""
        api = self._api
        return frozenset(
            slot
            for slot, state in states.items()
            if api.llama_state_seq_set_data(self.handle, state, len(state), slot)
        )

    def _prepare_abort(self, on_node: Callable[[], None]) -> None:
        """Two ways to ask whether to go on: in C at single tokens, in Python within prompts."""
        api = self._api
        self._flag = flag = (ctypes.c_ubyte * 2)()

        def ask(_: Any) -> bool:
            on_node()
            return bool(flag[0])

        library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        # The flag as a text: its length is 0 while the flag is, and asking needs no lock of Python's.
        self._flag_callback = ctypes.cast(library.strlen, api.ggml_abort_callback)
        self._node_callback = api.ggml_abort_callback(ask)

    def _prepare_batches(self) -> None:
        """Arrays that every batch shares, made once: tokens and positions are written anew."""
        api = self._api
        size = max(self._load.batch, self._slots)
        self._tokens = (api.llama_token * size)()
        self._positions = (api.llama_pos * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        self._names = [(api.llama_seq_id * 1)(slot) for slot in range(self._slots)]
        self._stream_outputs = (ctypes.c_int8 * size)(*([1] * size))
        self._prompt_outputs = (ctypes.c_int8 * size)()
        self._stream_batches: dict[tuple[int, ...], Any] = {}
        self._prompt_batches = [
            self._batch((slot,), size, self._prompt_outputs) for slot in range(self._slots)
        ]

    def _stream_batch(self, slots: tuple[int, ...]) -> Any:
        return self._batch(slots, 1, self._stream_outputs)

    def _batch(self, slots: Sequence[int], times: int, outputs: Any) -> Any:
        """A batch with so many places for each of these slots."""
        pointer = ctypes.POINTER(self._api.llama_seq_id)
        # A cast for each place would take a load 10 ms.
        names = [
            name for slot in slots for name in [ctypes.cast(self._names[slot], pointer)] * times
        ]
        return self._api.llama_batch(
            n_tokens=len(names),
            token=ctypes.cast(self._tokens, ctypes.POINTER(self._api.llama_token)),
            embd=None,
            pos=ctypes.cast(self._positions, ctypes.POINTER(self._api.llama_pos)),
            n_seq_id=ctypes.cast(self._counts, ctypes.POINTER(ctypes.c_int32)),
            seq_id=(pointer * len(names))(*names),
            logits=ctypes.cast(outputs, ctypes.POINTER(ctypes.c_int8)),
        )
