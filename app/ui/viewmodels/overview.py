"""Everything that is known of one model, as lines of words."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.chat_templates import TemplateSource
from app.domain.errors import UnknownModel
from app.domain.instances import ENDED
from app.domain.load_settings import LoadSettings
from app.domain.memory_plans import MemoryPart, PlanSource
from app.domain.models import ModelSpec, ModelStatus
from app.domain.profiles import Average, ModelMetrics, busiest_hours
from app.domain.spending import Price
from app.manager.manager import Manager
from app.manager.models import Models
from app.ui import words
from app.ui.viewmodels import account_words, load_words
from app.ui.viewmodels.capability_lines import abilities
from app.ui.viewmodels.inspected import Tab

FEW_USES = 10
"""Below so many answers their hours say nothing."""


@dataclass(frozen=True)
class Fact:
    """A label and its value; `hint` says where the value comes from."""

    label: str
    value: str
    hint: str = ""
    technical: bool = False
    """Paths and ids, shown in a monospaced font."""


@dataclass(frozen=True)
class Section:
    """Facts under one heading."""

    title: str
    facts: tuple[Fact, ...]
    action: str = ""
    """The id of an action that tells more."""
    tab: Tab = Tab.OVERVIEW
    """Where it stands."""


def overview(spec: ModelSpec, manager: Manager, price: Price | None = None) -> tuple[Section, ...]:
    """The sections of the inspector, without those that have nothing to say.

    Args:
        spec: the model.
        manager: knows the rest.
        price: what it is thought to cost; None where nobody knows.
    """
    models = manager.models
    sections = (
        Section("Model", _model(spec, manager)),
        Section("At the provider", _remote(spec, manager, price)),
        _memory(spec, manager),
        Section("Load settings", _load_settings(spec, models)),
        Section("Averages", _averages(spec, models), tab=Tab.PERFORMANCE),
        _file(spec),
    )
    return tuple(section for section in sections if section.facts)


def _model(spec: ModelSpec, manager: Manager) -> tuple[Fact, ...]:
    models = manager.models
    context = words.count(spec.context_length)
    source = spec.remote.context_source if spec.remote is not None else ""
    facts: tuple[Fact, ...] = (
        Fact("Provider", _provider(spec, manager)),
        Fact("Architecture", spec.architecture),
        Fact("Parameters", words.parameters(spec.parameters)),
        Fact("Quantisation", spec.quantisation),
        Fact("Context", f"{context} tokens" if spec.context_length else "", hint=source),
        Fact("Layers", words.count(spec.shape.block_count) if spec.shape else ""),
        Fact("Vocabulary", words.count(spec.shape.vocabulary) if spec.shape else ""),
        Fact("Can do", abilities(spec)),
        Fact("Made from", _parent(spec, manager)),
    )
    view = models.instance(spec.id)
    if view is not None and view.template is not None:
        lacks = view.template.source is not TemplateSource.FILE
        hint = "the file brings none" if lacks else ""
        facts = (*facts, Fact("Chat template", words.template(view.template), hint=hint))
    return tuple(fact for fact in facts if fact.value not in {"", words.NOTHING})


def _provider(spec: ModelSpec, manager: Manager) -> str:
    account = manager.accounts.find(spec.provider)
    return account.name if account is not None else spec.provider


def _remote(spec: ModelSpec, manager: Manager, price: Price | None) -> tuple[Fact, ...]:
    """What the provider says of a model of its own; nothing of a file."""
    account, facts = manager.accounts.find(spec.provider), spec.remote
    if facts is None or account is None:
        return ()
    said = (
        Fact("Lifecycle", account_words.lifecycle(facts), hint=facts.source),
        Fact(
            "Longest answer", f"{words.count(facts.max_output)} tokens" if facts.max_output else ""
        ),
        Fact("Also", ", ".join(facts.features), hint="as the provider calls it"),
        Fact(
            "Price",
            account_words.price(price) if price is not None else "",
            hint=account_words.as_of(price) if price is not None else "",
        ),
        Fact("Address", account.base_url, technical=True),
        Fact("Known there as", facts.model, technical=True),
    )
    return tuple(fact for fact in said if fact.value)


def _parent(spec: ModelSpec, manager: Manager) -> str:
    """The model that it was quantised from; empty for one that came as it is."""
    parent = manager.annotations.get(spec.id).parent
    if parent is None:
        return ""
    try:
        return manager.models.get(parent).name
    except UnknownModel:
        return "a model that is gone"


def _memory(spec: ModelSpec, manager: Manager) -> Section:
    if not spec.path or spec.reason:
        return Section("Memory", (), tab=Tab.FIT)
    plan = manager.memory.plan(spec.id)
    facts = [Fact("Predicted", words.size(plan.host), hint=words.PLAN_WORDS[plan.source])]
    facts += [
        Fact(words.PART_WORDS[part], words.size(plan.part(part)))
        for part in MemoryPart
        if plan.part(part)
    ]
    facts += [Fact(device, words.size(size)) for device, size in plan.devices().items()]
    view = manager.models.instance(spec.id)
    if view is not None and view.memory_measured is not None:
        facts.append(Fact("Measured", words.size(view.memory_measured), hint="its process now"))
    if view is not None and view.context_length is not None:
        facts.append(Fact("Context in use", f"{words.count(view.context_length)} tokens"))
    idle = view is None or view.state in ENDED
    guessed = plan.source is PlanSource.FORMULA and spec.status is ModelStatus.AVAILABLE
    action = "plan_memory" if idle and guessed else ""
    return Section("Memory", tuple(facts), action=action, tab=Tab.FIT)


def _load_settings(spec: ModelSpec, models: Models) -> tuple[Fact, ...]:
    view = models.instance(spec.id)
    coming = models.load_settings.in_force(spec.id)
    facts = []
    if view is not None and view.threads:
        facts.append(Fact("Threads", load_words.threads(view)))
        facts.append(Fact("Loaded with", load_words.ways(view.settings)))
        if coming != view.settings:
            facts.append(Fact("Next load", load_words.next_load(coming)))
    elif models.load_settings.own(spec.id) != LoadSettings():
        facts.append(Fact("Next load", load_words.next_load(coming)))
    return tuple(fact for fact in facts if fact.value)


def _averages(spec: ModelSpec, models: Models) -> tuple[Fact, ...]:
    metrics = models.metrics(spec.id)
    if metrics is None:
        return ()
    facts = (
        Fact(
            "Speed",
            words.speed(metrics.tokens_per_second),
            hint=_spread(metrics.speed, words.speed),
        ),
        Fact(
            "To first token",
            words.duration(metrics.time_to_first_token),
            hint=_spread(metrics.first_token, words.duration),
        ),
        Fact("After a load", words.duration(metrics.after_load.value), hint="first answer only"),
        Fact("Loads in", words.duration(metrics.load_seconds)),
        Fact("Success", words.share(metrics.success_rate), hint=_judged(metrics)),
        Fact("Used", _use(metrics), hint=_hours(metrics)),
    )
    return tuple(fact for fact in facts if fact.value not in {"", words.NOTHING})


def _spread(average: Average, say: Callable[[float | None], str]) -> str:
    """Half of the latest answers, and all but the worst twentieth of them; "" for a single one."""
    if len(average.recent) < 2:
        return ""
    typical = f"p50 {say(average.percentile(50))}"
    slow = average.percentile(95)
    return typical if slow is None else f"{typical} · p95 {say(slow)}"


def _judged(metrics: ModelMetrics) -> str:
    stopped = f"{words.count(metrics.cancelled)} stopped" if metrics.cancelled else ""
    failed = f"{words.count(metrics.failures)} failed" if metrics.failures else ""
    return " · ".join(filter(None, (failed, stopped)))


def _use(metrics: ModelMetrics) -> str:
    if not metrics.requests or metrics.last_used_at is None:
        return ""
    answers = words.amount(metrics.requests, "answer")
    return f"{answers}, last {words.moment(metrics.last_used_at)}"


def _hours(metrics: ModelMetrics) -> str:
    hours = busiest_hours(metrics.by_hour)
    if hours is None or metrics.requests < FEW_USES:
        return ""
    start, end = hours
    return f"mostly {start}\N{EN DASH}{end} h"


def _file(spec: ModelSpec) -> Section:
    facts = [Fact("Size", words.size(spec.size_bytes))] if spec.size_bytes else []
    if spec.shards > 1:
        facts.append(Fact("Shards", words.count(spec.shards)))
    if spec.path:
        facts.append(Fact("Path", spec.path, technical=True))
    facts += [Fact("Copy", path, technical=True) for path in spec.copies]
    facts.append(Fact("Id", spec.id, technical=True))
    if spec.remote is not None:
        return Section("In this library", tuple(facts))
    convertible = spec.path and spec.status is ModelStatus.AVAILABLE
    return Section("File", tuple(facts), action="convert" if convertible else "")
