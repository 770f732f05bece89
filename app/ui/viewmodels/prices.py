"""What models cost, looked up once each and beside the loop."""

from PySide6.QtCore import QObject, Signal

from app.domain.conversations import Message
from app.domain.errors import UnknownModel
from app.domain.events import AccountsChanged
from app.domain.models import ModelId
from app.domain.spending import PER_MILLION, Price, cost
from app.manager.manager import Manager
from app.ui.bridge import Bridge
from app.ui.intents import Intents
from app.ui.viewmodels import account_words


class Prices(QObject):
    """Tells what is known, and finds out what isn't yet."""

    changed = Signal()
    """A price came in."""

    def __init__(
        self, manager: Manager, intents: Intents, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._intents = intents
        self._known: dict[ModelId, Price | None] = {}
        bridge.on(AccountsChanged, lambda _: self._known.clear())

    def of(self, model_id: ModelId) -> Price | None:
        """An estimate of what a model costs; None where nobody knows, or not yet."""
        if model_id not in self._known and self._is_remote(model_id):
            self._intents.run(f"price {model_id}", self._look_up(model_id))
        return self._known.get(model_id)

    def of_answer(self, answer: Message) -> str:
        """What an answer cost, in words; empty where it cost nothing or nobody knows."""
        stats, model_id = answer.stats, answer.model_id
        price = self.of(model_id) if model_id is not None else None
        if price is None or stats is None:
            return ""
        micro = cost(price, stats.prompt_tokens, stats.cached_tokens, stats.output_tokens)
        return f"about {account_words.dollars(micro / PER_MILLION)}" if micro else ""

    def _is_remote(self, model_id: ModelId) -> bool:
        try:
            return self._manager.models.get(model_id).remote is not None
        except UnknownModel:
            return False

    async def _look_up(self, model_id: ModelId) -> None:
        self._known[model_id] = await self._manager.spending.price(model_id)
        if self._known[model_id] is not None:
            self.changed.emit()
