"""How much the next answers are to be thought about, where the model can be told."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.domain.chat_templates import Thinking, ThinkingSwitch
from app.ui.theme import Theme
from app.ui.widgets.choice_box import ChoiceBox

THINKING_WORDS: dict[Thinking | None, str] = {
    None: "Thinking: as the model likes",
    Thinking.ON: "Thinking: on",
    Thinking.OFF: "Thinking: off",
    Thinking.LOW: "Thinking: low",
    Thinking.MEDIUM: "Thinking: medium",
    Thinking.HIGH: "Thinking: high",
}


class ThinkingBox(ChoiceBox):
    """Offers what a chat template's switch can be set to; hidden where there is no switch."""

    chosen = Signal(object)
    """A Thinking, or None to leave it to the template."""

    def __init__(self, look: Theme, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._switch: ThinkingSwitch | None = None
        self.setObjectName("thinking")
        self.setAccessibleName("Thinking")
        self.setToolTip("Whether the model reasons before it answers")
        self.activated.connect(self._choose)
        self.hide()

    def _choose(self, row: int) -> None:
        # Qt gives back the plain text that the choice also is.
        text = self.itemData(row)
        self.chosen.emit(None if text is None else Thinking(text))

    def show_switch(self, switch: ThinkingSwitch | None, chosen: Thinking | None) -> None:
        """Offer a switch's choices.

        Args:
            switch: the template's; None hides the box.
            chosen: what the conversation asks for; the template's default where it asks nothing.
        """
        if switch != self._switch:
            self._switch = switch
            self.clear()
            if switch is not None:
                untold = [None] if switch.default is None else []
                for choice in (*untold, *switch.choices):
                    self.addItem(THINKING_WORDS[choice], choice)
        if switch is not None:
            now = chosen if chosen in switch.choices else switch.default
            self.setCurrentIndex(max(0, self.findText(THINKING_WORDS[now])))
        self.setVisible(switch is not None)
