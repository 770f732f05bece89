"""Reasoning told apart from the answer, while both still come."""

from collections.abc import Iterable, Sequence

from app.domain.base import Frozen


class ReasoningFormat(Frozen):
    """How one family of models marks what it thinks before it answers."""

    opening: str
    closing: str
    frames: tuple[str, ...] = ()
    """What else stands around the parts and belongs to none."""
    tokens: tuple[str, ...] = ()
    """The special tokens that these marks are made of; none where each mark is one."""

    @property
    def special(self) -> tuple[str, ...]:
        """The texts that may be special tokens; the first ones give the format away."""
        return self.tokens or (self.opening, self.closing)

    @property
    def framed(self) -> bool:
        """Whether the marks frame every part, so that they are marks wherever they stand.

        Elsewhere a mark is one at the start of an answer only: a model may write about it.
        """
        return bool(self.frames)


FORMATS = (
    ReasoningFormat(opening="<think>", closing="</think>"),
    ReasoningFormat(opening="<thinking>", closing="</thinking>"),
    ReasoningFormat(opening="[THINK]", closing="[/THINK]"),
    ReasoningFormat(opening="<seed:think>", closing="</seed:think>"),
    ReasoningFormat(opening="◁think▷", closing="◁/think▷"),
    ReasoningFormat(
        opening="<|channel|>analysis<|message|>",
        closing="<|end|>",
        frames=(
            "<|start|>assistant",
            "<|channel|>final<|message|>",
            "<|channel|>commentary<|message|>",
        ),
        tokens=("<|channel|>", "<|message|>", "<|start|>", "<|end|>"),
    ),
    ReasoningFormat(
        opening="<|START_THINKING|>",
        closing="<|END_THINKING|>",
        frames=("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
        tokens=(
            "<|START_THINKING|>",
            "<|END_THINKING|>",
            "<|START_RESPONSE|>",
            "<|END_RESPONSE|>",
        ),
    ),
)
"""Qwen3, DeepSeek and most others; older distillations; Magistral; Seed; Kimi; gpt-oss; Command."""


def format_of(template: str, vocabulary: Iterable[str]) -> ReasoningFormat | None:
    """The format that a model's template speaks of, or else its vocabulary; None for most models.

    Args:
        template: the chat template in use.
        vocabulary: the special tokens that the model is known to have.
    """
    known = set(vocabulary)
    written = (form for form in FORMATS if any(sign in template for sign in _signs(form)))
    spoken = (form for form in FORMATS if known.issuperset(_signs(form)))
    return next(written, None) or next(spoken, None)


def _signs(form: ReasoningFormat) -> tuple[str, ...]:
    return form.special[:1] if form.tokens else form.special


class Parts(Frozen):
    """Some new text, by what it is."""

    text: str = ""
    reasoning: str = ""


class ReasoningSplit:
    """Splits an answer as it comes; what may be the beginning of a mark waits."""

    def __init__(self, form: ReasoningFormat, prompt: str) -> None:
        """Start an answer.

        Args:
            form: the marks to look for.
            prompt: what the answer continues; where it ends with the opening mark, the answer
                begins in the middle of reasoning.
        """
        self._form = form
        self._held = ""
        self._reasoning = prompt.rstrip().endswith(form.opening)
        self._answering = False
        self._bare = self._reasoning
        """White space at the start of a part that a mark began is the mark's."""

    def feed(self, text: str) -> Parts:
        """What this text adds to the answer and to its reasoning."""
        self._held += text
        answer: list[str] = []
        reasoning: list[str] = []
        while True:
            began = self._reasoning
            new, moved = self._step()
            (reasoning if began else answer).append(new)
            if not moved:
                return Parts(text="".join(answer), reasoning="".join(reasoning))

    def rest(self) -> Parts:
        """What still waits when the answer has ended."""
        held, self._held = self._stripped(self._held), ""
        return Parts(reasoning=held) if self._reasoning else Parts(text=held)

    def _step(self) -> tuple[str, bool]:
        """Release text up to the next mark; whether there was one."""
        marks = self._marks()
        if not self._reasoning and not self._answering:
            return self._begin(marks)
        found = [(at, mark) for mark in marks if (at := self._held.find(mark)) >= 0]
        if found:
            at, mark = min(found, key=lambda place: (place[0], -len(place[1])))
            new = self._stripped(self._held[:at])
            self._held = self._held[at + len(mark) :]
            self._pass(mark)
            return new, True
        keep = _beginning(self._held, marks)
        new = self._stripped(self._held[: len(self._held) - keep])
        self._held = self._held[len(self._held) - keep :]
        return new, False

    def _begin(self, marks: Sequence[str]) -> tuple[str, bool]:
        """Where a part begins: it is the answer unless a mark says otherwise."""
        waiting = self._held.lstrip()
        mark = next((mark for mark in marks if waiting.startswith(mark)), None)
        if mark is not None:
            self._held = waiting[len(mark) :]
            self._pass(mark)
            return "", True
        if any(mark.startswith(waiting) for mark in marks):
            return "", False
        self._answering = True
        return "", True

    def _pass(self, mark: str) -> None:
        self._reasoning = mark == self._form.opening
        self._answering = False
        self._bare = True

    def _marks(self) -> tuple[str, ...]:
        """The marks that mean something here."""
        form = self._form
        if form.framed:
            return (form.opening, form.closing, *form.frames)
        if self._reasoning:
            return (form.closing,)
        return () if self._answering else (form.opening,)

    def _stripped(self, text: str) -> str:
        if self._bare:
            text = text.lstrip()
            self._bare = not text
        return text


def _beginning(text: str, marks: Sequence[str]) -> int:
    """The length of the longest end of the text that begins a mark."""
    longest = max((len(mark) for mark in marks), default=0)
    for length in range(min(longest - 1, len(text)), 0, -1):
        if any(mark.startswith(text[-length:]) for mark in marks):
            return length
    return 0
