"""How a conversation's tokens are chosen, as far as the model that is asked can be told."""

from dataclasses import dataclass

from app.domain.generation import Sampling


@dataclass(frozen=True)
class Parameter:
    """One field of `Sampling` that a person may set."""

    name: str
    label: str
    least: float
    most: float
    hint: str
    whole: bool = False


PARAMETERS = (
    Parameter("temperature", "Temperature", 0, 2, "Higher varies more; 0 always takes the best."),
    Parameter("top_p", "Top-p", 0, 1, "Only the likeliest tokens that make up this share."),
    Parameter("top_k", "Top-k", 0, 1000, "Only so many of the likeliest tokens.", whole=True),
    Parameter("min_p", "Min-p", 0, 1, "Only tokens this likely, measured by the likeliest."),
    Parameter("repeat_penalty", "Repeat penalty", 0.5, 2, "Above 1 repeats less."),
    Parameter("frequency_penalty", "Frequency penalty", -2, 2, "Weighs how often a token came."),
    Parameter("presence_penalty", "Presence penalty", -2, 2, "Weighs whether a token came."),
    Parameter("seed", "Seed", 0, 2**32 - 1, "The same one draws the same answer.", whole=True),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def shown(taken: frozenset[str] | None) -> tuple[Parameter, ...]:
    """The parameters that make sense; None takes all of them."""
    return tuple(item for item in PARAMETERS if taken is None or item.name in taken)


def written(sampling: Sampling, name: str) -> str:
    """A parameter as its field shows it; empty where it is as usual."""
    value = getattr(sampling, name)
    return "" if value == Sampling.model_fields[name].default else f"{value:g}"


def usual(name: str) -> str:
    """What an empty field means."""
    value = Sampling.model_fields[name].default
    return "random" if value is None else f"{value:g}"


def changed(sampling: Sampling, name: str, text: str) -> Sampling:
    """The sampling with one field as it was typed; empty takes it back.

    Raises:
        ValueError: it is no number, or out of range; the words are for a person.
    """
    parameter = _BY_NAME[name]
    if not text.strip():
        return sampling.model_copy(update={name: Sampling.model_fields[name].default})
    kind = "a whole number" if parameter.whole else "a number"
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        number = parameter.most + 1
    sound = parameter.least <= number <= parameter.most
    if not sound or (parameter.whole and not number.is_integer()):
        least, most = f"{parameter.least:g}", f"{parameter.most:.10g}"
        raise ValueError(f"This takes {kind} from {least} to {most}.")
    value = int(number) if parameter.whole else number
    return sampling.model_copy(update={name: value})
