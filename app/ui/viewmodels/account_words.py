"""Accounts, their keys and prices, in the words that people read."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.domain.accounts import (
    PROVIDERS,
    Account,
    AccountId,
    AccountRefresh,
    KeyStatus,
    LocalServer,
    is_loopback,
)
from app.domain.models import Lifecycle, RemoteFacts
from app.domain.secrets import AuditFinding, AuditReport, KeyPlace
from app.domain.spending import BudgetLevel, BudgetState, Price, SpendingEntry
from app.ui import words

UNTIL_QUIT = "kept until Modelyard quits"
CENT = 0.01
LEAST = 0.0001
"""US dollars; what is less isn't worth a figure."""


def provider(account: Account) -> str:
    """Whose server it is."""
    return PROVIDERS[account.kind].name


def key(account: Account, status: KeyStatus | None) -> str:
    """Where an account's key is and how it ends: "Key …a1b2", "Key from OPENAI_API_KEY".

    Args:
        account: the account.
        status: what was found out about its key; None while nobody has asked.
    """
    place = account.key_place
    if place is None:
        return "No key yet" if PROVIDERS[account.kind].needs_key else "Needs no key"
    if place is KeyPlace.ENVIRONMENT:
        return f"Key from {account.variable}"
    hint = f"Key …{status.hint}" if status is not None and status.hint else "Key"
    if place is KeyPlace.MEMORY:
        return f"{hint}, {UNTIL_QUIT}"
    return f"{hint} in the keyring"


def refresh(last: AccountRefresh) -> str:
    """When a provider was asked for its models: "refreshed …", "couldn't be refreshed …"."""
    done = "refreshed" if last.error is None else "couldn't be refreshed"
    return f"{done} {words.moment(last.at)}"


def offer(server: LocalServer) -> str:
    """That a server on this machine can be used: "Ollama answers on this machine: 3 models"."""
    name = PROVIDERS[server.kind].name
    port = urlsplit(server.base_url).port
    return f"{name} answers on this machine at port {port}: {words.amount(server.models, 'model')}."


def is_plain(base_url: str) -> bool:
    """Whether a key would go to another machine unencrypted."""
    parts = urlsplit(base_url.strip())
    return parts.scheme == "http" and bool(parts.hostname) and not is_loopback(base_url.strip())


def agreement(base_url: str) -> str:
    """What a person agrees to who sends a key unencrypted."""
    return f"Send the key to {urlsplit(base_url.strip()).hostname} unencrypted"


AGREEMENT_HINT = (
    "This address is plain http:// and another machine's: whoever is on the way can read the key "
    "and use it. Without this no key is sent there."
)


def dollars(amount: float) -> str:
    """US dollars: "$12.40", "$0.87"; below ten cents with two digits: "$0.0031"."""
    if amount <= 0:
        return "$0.00"
    if amount < LEAST:
        return "less than $0.0001"
    digits = 2 if amount >= 10 * CENT else 3 if amount >= CENT else 4
    return f"${amount:,.{digits}f}"


def as_of(price: Price) -> str:
    """Where a price comes from: "estimate, as of 2026-10-01"."""
    return f"estimate, as of {price.as_of}" if price.as_of else f"estimate, by {price.source}"


def price(known: Price) -> str:
    """A price: "$0.25 in, $2.00 out for a million tokens"."""
    return f"{dollars(known.input)} in, {dollars(known.output)} out for a million tokens"


def lifecycle(facts: RemoteFacts) -> str:
    """How long a provider goes on offering a model; empty where nothing is known of its end."""
    if facts.retires_at:
        gone = facts.lifecycle is Lifecycle.RETIRED
        return f"{'retired on' if gone else 'retires on'} {facts.retires_at}"
    if facts.lifecycle in {None, Lifecycle.ACTIVE}:
        return ""
    return str(facts.lifecycle)


def budget(state: BudgetState) -> str:
    """A month's spending against its budget, in a sentence."""
    spent = dollars(state.spent)
    if state.limit is None:
        return f"Remote models have cost about {spent} this month."
    limit = dollars(state.limit)
    match state.level:
        case BudgetLevel.SPENT if state.stops:
            return f"This month's budget of {limit} is spent: nothing that costs money is asked."
        case BudgetLevel.SPENT:
            return f"This month's budget of {limit} is spent: about {spent} so far."
        case BudgetLevel.NEAR:
            return f"About {spent} of this month's {limit} are spent."
    return f"About {spent} of this month's budget of {limit} are spent."


def cost(entry: SpendingEntry) -> str:
    """What a row of the ledger cost; says so where nobody knows the price."""
    if not entry.unpriced:
        return dollars(entry.dollars) if entry.micro_dollars else "free"
    if entry.unpriced == entry.requests:
        return "unknown"
    return f"{dollars(entry.dollars)} + {words.amount(entry.unpriced, 'unknown', 'unknown')}"


def audit(report: AuditReport) -> str:
    """What a search for keys came to, in two sentences."""
    if not report.keys:
        return "There is no key to look for: no account has one."
    where = (
        f"Searched {words.amount(report.files, 'file')} and "
        f"{words.amount(report.processes, 'process', 'processes')} of Modelyard for "
        f"{words.amount(report.keys, 'key')}."
    )
    if not report.findings:
        return f"{where} None lies openly."
    count = words.amount(len(report.findings), "place")
    return f"{where} {count} {'shows' if len(report.findings) == 1 else 'show'} a key openly."


def finding(found: AuditFinding, names: Mapping[AccountId, str]) -> str:
    """One place in which a key lies openly."""
    whose = names.get(AccountId(found.credential), found.credential)
    return f"{found.place} (the key of {whose})"
