"""How a conversation becomes a local model's prompt, and its answer comes apart again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.chat_templates import (
    KNOWN_TEMPLATES,
    ChatTemplate,
    TemplateSource,
    known_template,
)
from app.domain.reasoning import FORMATS, ReasoningFormat, format_of

SOUGHT = (
    *(known.sign for known in KNOWN_TEMPLATES),
    *(token for form in FORMATS for token in form.special),
)
"""The special tokens that tell what a vocabulary was made for."""


@dataclass(frozen=True)
class ChatFormat:
    """What a model is asked with; before its vocabulary is known, what its file says."""

    template: str | None
    """Jinja; None for a plain script."""
    special_tokens: dict[str, str]
    known: str = ""
    """The name of the known template that stands in for the file's own."""
    reasoning: ReasoningFormat | None = None

    @property
    def described(self) -> ChatTemplate:
        """Where the template comes from."""
        if self.template is None:
            return ChatTemplate(source=TemplateSource.SCRIPT)
        source = TemplateSource.KNOWN if self.known else TemplateSource.FILE
        return ChatTemplate(source=source, name=self.known)


def completed(chat: ChatFormat, found: Sequence[str]) -> ChatFormat:
    """The format with what a vocabulary with these special tokens adds to it."""
    if chat.template is None and (known := known_template(found)) is not None:
        chat = replace(chat, template=known.text, known=known.name)
    return replace(chat, reasoning=format_of(chat.template or "", found))
