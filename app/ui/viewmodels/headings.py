"""How columns are titled and aligned, the same in every table."""

from PySide6.QtCore import Qt


def alignment(*, figures: bool) -> Qt.AlignmentFlag:
    """Figures stand right, so that their digits line up; words stand left."""
    side = Qt.AlignmentFlag.AlignRight if figures else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def heading(
    role: int, title: str, *, figures: bool, tooltip: str = ""
) -> str | Qt.AlignmentFlag | None:
    """A column's title, standing as its cells do; None for other roles than a header asks."""
    match role:
        case Qt.ItemDataRole.DisplayRole:
            return title
        case Qt.ItemDataRole.ToolTipRole:
            return tooltip or None
        case Qt.ItemDataRole.TextAlignmentRole:
            return alignment(figures=figures)
    return None
