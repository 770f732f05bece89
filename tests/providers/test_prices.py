"""Prices from the table that comes with the program."""

from app.domain.accounts import ProviderKind
from app.providers.prices import BundledPrices


async def test_that_known_models_have_a_price_with_its_source() -> None:
    prices = BundledPrices()
    price = await prices.price(ProviderKind.OPENAI, "https://api.openai.com/v1", "gpt-4o")
    assert price is not None
    assert 0 < price.input < price.output
    assert price.cached is not None
    assert price.cached < price.input
    assert price.source.startswith("genai-prices ")


async def test_that_a_price_is_found_by_the_address_of_other_providers() -> None:
    url = "https://api.mistral.ai/v1"
    assert await BundledPrices().price(ProviderKind.COMPATIBLE, url, "mistral-large-latest")


async def test_that_what_the_table_doesnt_have_has_no_price() -> None:
    prices = BundledPrices()
    assert await prices.price(ProviderKind.OPENAI, "", "no-such-model-at-all") is None
    assert await prices.price(ProviderKind.COMPATIBLE, "https://nobody.invalid/v1", "x") is None
