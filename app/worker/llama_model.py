"""One model in llama.cpp: its file loaded, its vocabulary at hand."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from app.worker.binding import load_binding
from app.worker.protocol import Load, Refusal

KEPT_LINES = 12
"""llama.cpp's warnings and errors that explain a failure."""
LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR = 2, 3, 4
PIECE_BYTES = 256


class LlamaError(Exception):
    """llama.cpp said no."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class LlamaModel:
    """A loaded file. Its vocabulary may be asked from any thread.

    Nothing is ever freed here: the process ends with its model.
    """

    def __init__(
        self,
        load: Load,
        on_progress: Callable[[float], None],
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Load a file.

        Args:
            load: what to load, and how.
            on_progress: gets 0 to 1 while the file is read.
            on_line: gets each line that llama.cpp logs, now and later.

        Raises:
            LlamaError: llama.cpp can't load the file.
        """
        self.api: Any = load_binding()
        self._log: deque[str] = deque(maxlen=KEPT_LINES)
        self._on_line = on_line
        self._log_callback = self.api.llama_log_callback(self._note)
        self.api.llama_log_set(self._log_callback, None)
        self.handle = self._load(load, on_progress)
        self.vocabulary = self.api.llama_model_get_vocab(self.handle)
        self.vocabulary_size = int(self.api.llama_vocab_n_tokens(self.vocabulary))
        self._begin = int(self.api.llama_vocab_bos(self.vocabulary))
        self._adds_begin = bool(self.api.llama_vocab_get_add_bos(self.vocabulary))
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

    @property
    def offloads(self) -> bool:
        """Whether this build can compute on a GPU."""
        return bool(self.api.llama_supports_gpu_offload())

    @property
    def any_token(self) -> int:
        """A token that every model can compute."""
        return max(0, self._begin)

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of a prompt, with the model's beginning token unless the text brings it."""
        tokens = self.tokenise_part(text.encode(errors="replace"), special=special)
        if self._adds_begin and tokens[:1] != [self._begin]:
            tokens.insert(0, self._begin)
        return tokens

    def tokenise_embedded(self, text: str) -> list[int]:
        """The tokens of a text to embed, with all that the vocabulary puts around one."""
        return self._tokenise(text.encode(errors="replace"), special=False, around=True)

    def tokenise_part(self, text: bytes, *, special: bool) -> list[int]:
        """The tokens of a text and nothing around them."""
        return self._tokenise(text, special=special, around=False)

    def detokenise(self, tokens: Sequence[int]) -> str:
        """The text of some tokens, special ones written out."""
        return b"".join(self._piece(token, special=True) for token in tokens).decode(
            errors="replace"
        )

    def knows(self, token: int) -> bool:
        """Whether the vocabulary has this token."""
        return 0 <= token < self.vocabulary_size

    def ends_answer(self, token: int) -> bool:
        """Whether the model means this token as the end of its answer."""
        ends = self._ends.get(token)
        if ends is None:
            ends = bool(self.api.llama_vocab_is_eog(self.vocabulary, token))
            self._ends[token] = ends
        return ends

    def is_control(self, token: int) -> bool:
        """Whether this token stands for no text."""
        return bool(self.api.llama_vocab_is_control(self.vocabulary, token))

    def piece(self, token: int) -> bytes:
        """The bytes of a token's text; none for control tokens."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token, special=False)
        return piece

    def special_token(self, text: str) -> int | None:
        """The control or user-defined token that this text spells, if there is one."""
        tokens = self.tokenise_part(text.encode(), special=True)
        api = self.api
        special = api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_USER_DEFINED
        if len(tokens) != 1 or not api.llama_vocab_get_attr(self.vocabulary, tokens[0]) & special:
            return None
        return tokens[0]

    def last_words(self) -> str:
        """llama.cpp's latest warnings and errors."""
        return "\n".join(self._log)

    def _load(self, load: Load, on_progress: Callable[[float], None]) -> Any:
        def report(fraction: float, _: Any) -> bool:
            on_progress(fraction)
            return True

        api = self.api
        callback = api.llama_progress_callback(report)
        parameters = api.llama_model_default_params()
        parameters.progress_callback = callback
        self._place(load, parameters)
        model = api.llama_model_load_from_file(os.fsencode(load.path), parameters)
        if not model:
            raise LlamaError(Refusal.MODEL, self.last_words())
        if api.llama_model_has_encoder(model) and api.llama_model_has_decoder(model):
            raise LlamaError(Refusal.MODEL, "encoder-decoder models are not supported")
        return model

    def _place(self, load: Load, parameters: Any) -> None:
        """Set where the weights go."""
        api = self.api
        offload = (load.gpu_layers or 0) > 0 or load.main_gpu is not None or load.tensor_split
        if offload and not self.offloads:
            raise LlamaError(
                Refusal.SETTING, "This build of llama.cpp computes on the processor only."
            )
        if load.gpu_layers is not None:
            parameters.n_gpu_layers = load.gpu_layers
        if load.main_gpu is not None:
            parameters.main_gpu = load.main_gpu
        if load.tensor_split:
            devices = int(api.llama_max_devices())
            if len(load.tensor_split) > devices:
                raise LlamaError(
                    Refusal.SETTING, f"A tensor split has at most {devices} parts in this build."
                )
            shares = (ctypes.c_float * devices)(*load.tensor_split)
            parameters.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
            self._shares = shares
        if load.dry_run:
            parameters.no_alloc = True
            # A mapped file is an abort, since there is nothing to map it to.
            parameters.load_mode = api.LLAMA_LOAD_MODE_NONE
        elif load.mmap is not None or load.mlock:
            mapped = load.mmap is not False
            parameters.load_mode = {
                (True, True): api.LLAMA_LOAD_MODE_MMAP_MLOCK,
                (True, False): api.LLAMA_LOAD_MODE_MMAP,
                (False, True): api.LLAMA_LOAD_MODE_MLOCK,
                (False, False): api.LLAMA_LOAD_MODE_NONE,
            }[mapped, load.mlock]

    def _tokenise(self, text: bytes, *, special: bool, around: bool) -> list[int]:
        # A token stands for at least one byte, but for what the vocabulary puts around the text.
        room = len(text) + 8
        while True:
            array = (self.api.llama_token * room)()
            count = self.api.llama_tokenize(
                self.vocabulary, text, len(text), array, room, around, special
            )
            if count >= 0:
                return list(array[:count])
            room = -count

    def _piece(self, token: int, *, special: bool, room: int = PIECE_BYTES) -> bytes:
        buffer = ctypes.create_string_buffer(room)
        length = self.api.llama_token_to_piece(self.vocabulary, token, buffer, room, 0, special)
        if length < 0:
            return self._piece(token, special=special, room=-length)
        return buffer.raw[:length]

    def _note(self, level: int, text: bytes, _: Any) -> None:
        line = text.decode(errors="replace").strip()
        self._on_line(line)
        if level in (LEVEL_WARNING, LEVEL_ERROR):
            self._log.append(line)
        if level in (LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR):
            os.write(2, f"{line}\n".encode())
