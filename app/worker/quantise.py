"""Writes a model anew with smaller weights, through llama.cpp's own quantiser."""

import ctypes
import re
from collections import deque
from queue import SimpleQueue

from app.worker import protocol
from app.worker.binding import load_binding
from app.worker.channel import Channel
from app.worker.protocol import Message, Quantise, Refusal

KEPT_LINES = 20
"""Of llama.cpp's last words, for the reason of a failure."""
_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")


class QuantiseWorker:
    """Serves one request and ends; its process is killed to cancel it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: SimpleQueue[tuple[Message, int]] = SimpleQueue()

    def run(self) -> int:
        """Serve until the work is done or the app ends this process."""
        self._channel.listen(lambda message, request: self._waiting.put((message, request)))
        self._channel.send(protocol.Ready())
        while True:
            message, request = self._waiting.get()
            if isinstance(message, Quantise):
                self._channel.send(self._quantise(message, request), request)
                return 0

    def _quantise(self, wish: Quantise, request: int) -> Message:
        api = load_binding()
        said: deque[str] = deque(maxlen=KEPT_LINES)

        def note(level: int, text: bytes, data: object) -> None:
            line = text.decode("utf-8", "replace")
            said.append(line)
            match = _TENSOR.search(line)
            if match:
                fraction = int(match[1]) / max(1, int(match[2]))
                self._channel.send(protocol.Progress(fraction), request)

        callback = api.llama_log_callback(note)
        api.llama_log_set(callback, None)
        parameters = api.llama_model_quantize_default_params()
        parameters.ftype = wish.file_type
        parameters.nthread = wish.threads
        # Weights that were made smaller before lose a little more; nobody has to have the original.
        parameters.allow_requantize = True
        failed = api.llama_model_quantize(
            wish.source.encode(), wish.destination.encode(), ctypes.byref(parameters)
        )
        if failed:
            return protocol.Refused(Refusal.MODEL, "".join(said))
        return protocol.Computed()
