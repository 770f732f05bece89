"""The manager's benchmark: registry, switches, events and the life of models."""

from tests.benchmarks.families import Family
from tests.benchmarks.manager import lifecycle

TITLE = "The manager"
FAMILIES = (Family(("lifecycle",), lifecycle.interleavings),)
ORDER = ("lifecycle",)
"""The rows as the table has them."""
