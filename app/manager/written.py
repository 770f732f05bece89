"""An answer as far as it has come."""

from app.domain.generation import TextPiece


class Written:
    """Collects what a model writes, its reasoning apart."""

    def __init__(self) -> None:
        self.stamps_ns: list[int] = []
        """One for each token so far."""
        self._parts: list[str] = []
        self._reasoned: list[str] = []
        self._reasoning_seconds: float | None = None

    def add(self, piece: TextPiece) -> dict[str, object]:
        """Take a piece in; what it changes of the message."""
        self.stamps_ns.extend(piece.stamps_ns)
        changes: dict[str, object] = {}
        if piece.text:
            self._parts.append(piece.text)
            changes["text"] = "".join(self._parts)
        if piece.reasoning:
            self._reasoned.append(piece.reasoning)
            if self.stamps_ns:
                self._reasoning_seconds = (self.stamps_ns[-1] - self.stamps_ns[0]) / 1e9
            changes["reasoning"] = "".join(self._reasoned)
            changes["reasoning_seconds"] = self._reasoning_seconds
        return changes
