"""The digests of a model's files: asked for, computed with their progress, copied."""

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.digest import Digest
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.waiting_line import WaitingLine
from app.ui.widgets.wrapped_label import WrappedLabel


class DigestLine(QWidget):
    """A button until it is pressed, a bar while the file is read, then the digits."""

    def __init__(self, look: Theme, digest: Digest, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._digest = digest
        self._name = PlainLabel()
        self._name.setProperty("role", "muted")
        self.start = QPushButton("Compute SHA-256")
        self.start.setObjectName("digest_start")
        self.start.setToolTip(
            "Read the whole file, or each shard, and tell its digest, to compare with the maker's"
        )
        self.start.clicked.connect(digest.start)
        self._line = WaitingLine()
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("digest_cancel")
        self.cancel.clicked.connect(self._cancel)
        self._busy = QWidget()
        busy = QVBoxLayout(self._busy)
        busy.setContentsMargins(0, 0, 0, 0)
        busy.setSpacing(theme.SPACE_1)
        busy.addWidget(self._line)
        row = QHBoxLayout()
        row.addWidget(self.cancel)
        row.addStretch()
        busy.addLayout(row)
        self._files: dict[str, CopyLine] = {}
        """What is shown, by the name of the file."""
        self._known = QVBoxLayout()
        self._known.setSpacing(theme.SPACE_1)
        self._failure = WrappedLabel()
        self._failure.setProperty("role", "error")
        top = QHBoxLayout()
        top.addWidget(self.start)
        top.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_1)
        column.addWidget(self._name)
        column.addLayout(self._known)
        column.addWidget(self._busy)
        column.addWidget(self._failure)
        column.addLayout(top)
        digest.changed.connect(self._show)
        self._show()

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """What can have the focus, in the order of Tab."""
        return (*(copy.button for copy in self._files.values()), self.cancel, self.start)

    def _cancel(self) -> None:
        self._digest.cancel()
        self.start.setFocus()

    def _show(self) -> None:
        digest = self._digest
        self._name.setText(digest.name())
        self._name.setVisible(bool(digest.found) or digest.share is not None)
        self._show_files(digest.lines())
        focused = self.start.hasFocus() or self.cancel.hasFocus()
        self._busy.setVisible(digest.share is not None)
        self._line.show_step(digest.step(), digest.share)
        self.start.setVisible(digest.can_start)
        failure = digest.failure
        self._failure.setVisible(failure is not None)
        self._failure.setText(f"{failure.what} {failure.remedy}" if failure is not None else "")
        if focused:
            known = [copy.button for copy in self._files.values()]
            follower = self.cancel if digest.share is not None else [*known, self.start][0]
            follower.setFocus()

    def _show_files(self, lines: list[tuple[str, str]]) -> None:
        if [name for name, _ in lines[: len(self._files)]] != [*self._files]:
            # Another model's files, or none.
            while (item := self._known.takeAt(0)) is not None:
                if (line := item.widget()) is not None:
                    line.deleteLater()
            self._files.clear()
        for name, digits in lines[len(self._files) :]:
            if name:
                label = PlainLabel(name)
                label.setProperty("role", "muted")
                self._known.addWidget(label)
            copy = CopyLine(self._look, f"SHA-256 of {name}" if name else "SHA-256", digits)
            self._files[name] = copy
            self._known.addWidget(copy)
