"""The manager's benchmark: switched without a cut, told at once."""

from tests.benchmarks.families import Family
from tests.benchmarks.manager import events, switch

TITLE = "The manager: switched without a cut, told at once"
FAMILIES = (
    Family(("switch", "switch-answers"), switch.under_streams),
    Family(("event",), events.to_handler),
    Family(("event-slow",), events.to_slow_subscriber),
)
ORDER = ("switch", "switch-answers", "event", "event-slow")
"""The rows as the table has them."""
