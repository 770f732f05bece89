"""The remote benchmark: keys that show themselves nowhere, faults with words, and little overhead."""

from tests.benchmarks.families import Family
from tests.benchmarks.remote import faults, keys, paint, streams

TITLE = "Remote models and keys"
FAMILIES = (
    Family(("keyring", "keyring-stall"), keys.with_faults),
    Family(("faults",), faults.mapped),
    Family(("cancel",), streams.cancelled),
    Family(("canaries",), keys.searched),
    Family(("chunks",), streams.against_sdk),
    Family(("paint",), paint.with_accounts),
)
ORDER = ("keyring", "keyring-stall", "faults", "cancel", "canaries", "chunks", "paint")
"""The rows as the table has them."""
