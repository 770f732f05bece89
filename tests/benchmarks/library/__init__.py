"""The library's benchmark: every model on the disk, found at once and known in full."""

from tests.benchmarks.families import Family
from tests.benchmarks.library import disk, knowledge, table

TITLE = "The library: every model on the disk, found at once"
FAMILIES = (
    Family(("files", "rescan"), disk.scans),
    Family(("header",), disk.vocabulary),
    Family(("keystroke", "sort", "scroll"), table.browsed),
    Family(("capabilities",), knowledge.capabilities),
    Family(("mutations",), disk.broken),
)
ORDER = (
    "files", "rescan", "header", "keystroke", "sort", "scroll", "capabilities", "mutations",
)  # fmt: skip
"""The rows as the table has them."""
