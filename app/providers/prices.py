"""What providers charge, from a table that comes with the program and asks no network."""

import logging
from importlib.metadata import version
from typing import TYPE_CHECKING

from app.domain.accounts import ProviderKind
from app.domain.spending import Price
from app.tasks import in_daemon_thread

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

log = logging.getLogger(__name__)

PACKAGE = "genai-prices"
_PROVIDERS = {
    ProviderKind.OPENAI: "openai",
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.OPENROUTER: "openrouter",
}
MILLION = 1_000_000


class BundledPrices:
    """The table of the genai-prices package, read in a thread when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[tuple[ProviderKind, str, str], Price | None] = {}

    async def price(self, kind: ProviderKind, base_url: str, model: str) -> Price | None:
        """What a model costs; None where the table doesn't say."""
        asked = kind, base_url, model
        if asked not in self._known:
            self._known[asked] = await in_daemon_thread(_look_up, *asked)
        return self._known[asked]


def _look_up(kind: ProviderKind, base_url: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - a fifth of a second, and 3 MB

    provider = _PROVIDERS.get(kind)

    def priced(**tokens: int) -> "PriceCalculation":
        if provider is not None:
            return calc_price(Usage(**tokens), model_ref=model, provider_id=provider)
        return calc_price(Usage(**tokens), model_ref=model, provider_api_url=base_url)

    def dollars(**tokens: int) -> float:
        return float(priced(**tokens).total_price)

    try:
        found = priced(input_tokens=1)
        whole, output = dollars(input_tokens=MILLION), dollars(output_tokens=MILLION)
        cached = dollars(input_tokens=MILLION, cache_read_tokens=MILLION)
    except (LookupError, ValueError) as error:
        log.info("No price of %s: %s", model, type(error).__name__)
        return None
    checked = getattr(found.model, "prices_checked", None)
    return Price(
        input=whole,
        output=output,
        cached=cached if cached < whole else None,
        source=f"{PACKAGE} {version(PACKAGE)}",
        as_of=checked.isoformat() if checked is not None else "",
    )
