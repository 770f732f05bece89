"""From a model's bytes to the text that may be shown: whole characters, no stop sequence."""

import codecs
from collections.abc import Sequence


class AnswerText:
    """Assembles an answer.

    Bytes that end inside a character wait for the rest of it, and text that may be the beginning
    of a stop sequence waits until it is one or can't be one any more.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(sequence for sequence in stop if sequence)
        self._held = ""
        self.stopped = False
        """Whether a stop sequence has come; what follows it is not shown."""

    def feed(self, data: bytes) -> str:
        """The text that these bytes release."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(data)
        cut = first_stop(text, self._stop)
        if cut is not None:
            self.stopped = True
            self._held = ""
            return text[:cut]
        keep = held_length(text, self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """The text that still waits when the answer has ended; a cut-off character is dropped."""
        held, self._held = self._held, ""
        return held


def first_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the earliest stop sequence begins, if there is one."""
    return min((at for sequence in stop if (at := text.find(sequence)) >= 0), default=None)


def held_length(text: str, stop: Sequence[str]) -> int:
    """The length of the longest end of the text that begins a stop sequence."""
    return max(
        (
            length
            for sequence in stop
            for length in range(1, min(len(sequence), len(text) + 1))
            if text.endswith(sequence[:length])
        ),
        default=0,
    )
