"""Questions to the person, awaited. Nothing here spins an event loop of its own."""

import asyncio
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.widgets.plain_label import PlainLabel


async def finished(dialog: QDialog) -> bool:
    """Open a dialog over its parent and wait for its end; whether it was accepted.

    A cancelled wait closes the dialog, and so does every other way out.
    """
    result: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def settle(code: int) -> None:
        if not result.done():
            result.set_result(code)

    dialog.finished.connect(settle)
    dialog.open()
    try:
        return await result == QDialog.DialogCode.Accepted
    finally:
        dialog.finished.disconnect(settle)
        dialog.reject()
        dialog.deleteLater()


async def ask(
    parent: QWidget,
    title: str,
    text: str,
    buttons: Sequence[str],
    *,
    default: str = "",
    detail: str = "",
) -> str | None:
    """Ask a question.

    Args:
        parent: the window that waits for the answer.
        title: the question in a few words.
        text: what follows from the answer, in a sentence or two.
        buttons: the answers as verbs.
        default: the one that Enter takes, the first unless it is said: where that one loses
            something, the one that loses nothing.
        detail: technical text, below.

    Returns:
        The button's text; None when the dialog was closed without an answer.
    """
    dialog = QuestionDialog(parent, title, text, buttons, default=default, detail=detail)
    await finished(dialog)
    return dialog.answer


async def ask_name(parent: QWidget, title: str, text: str, button: str) -> str | None:
    """Ask for a name; None when the dialog was closed without one.

    Args:
        parent: the window that waits for it.
        title: what the name is for, in a few words.
        text: what follows, in a sentence.
        button: the verb that takes the name.
    """
    dialog = NameDialog(parent, title, text, button)
    return dialog.field.text().strip() if await finished(dialog) else None


async def choose_folder(parent: QWidget, title: str = "Add a folder of models") -> str | None:
    """The path of a folder that exists, or None."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return await _chosen(dialog)


async def choose_file(
    parent: QWidget, title: str = "Add a model file", pattern: str = "Models (*.gguf)"
) -> str | None:
    """The path of a file that exists, or None."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(pattern)
    return await _chosen(dialog)


async def choose_new_file(parent: QWidget, title: str, pattern: str, name: str) -> str | None:
    """The path of a file to write, or None; Qt asks before one that is there is replaced.

    Args:
        parent: the window that waits for the answer.
        title: what is written.
        pattern: names that fit, as Qt has them: "Exports (*.json)".
        name: what it is called unless the person says something else.
    """
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setNameFilter(pattern)
    dialog.setDefaultSuffix(name.rpartition(".")[2])
    dialog.selectFile(name)
    return await _chosen(dialog)


async def _chosen(dialog: QFileDialog) -> str | None:
    accepted = await finished(dialog)
    paths = dialog.selectedFiles()
    return paths[0] if accepted and paths else None


class QuestionDialog(QDialog):
    """A sentence and its answers as buttons."""

    def __init__(
        self,
        parent: QWidget | None,
        title: str,
        text: str,
        buttons: Sequence[str],
        *,
        default: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(parent)
        self.answer: str | None = None
        self.setObjectName("question")
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(theme.FORM_WIDTH * 3 // 4)

        heading = PlainLabel(title)
        heading.setWordWrap(True)
        heading.setFont(theme.section())
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(heading)
        column.addWidget(_wrapped(text))
        if detail:
            column.addWidget(_wrapped(detail, muted=True))
        column.addSpacing(theme.SPACE_2)
        self._default = QPushButton(default or buttons[0])
        column.addLayout(self._answers(buttons))
        # Left to itself, wrapped text is given room for lines far shorter than it has.
        width = max(self.minimumWidth(), column.totalMinimumSize().width())
        self.resize(width, column.totalHeightForWidth(width))
        self._default.setFocus(Qt.FocusReason.OtherFocusReason)

    def _answers(self, texts: Sequence[str]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addStretch()
        self._default.setProperty("kind", "primary")
        self._default.setDefault(True)
        others = [QPushButton(text) for text in reversed(texts) if text != self._default.text()]
        # The default stands last, where the eye ends and the hand is.
        for button in (*others, self._default):
            text = button.text()
            button.setObjectName(f"answer_{text}")
            button.clicked.connect(lambda _=False, chosen=text: self._choose(chosen))
            # The one that has the focus is the one that Enter takes, wherever Tab leads.
            button.setAutoDefault(True)
            row.addWidget(button)
        return row

    def _choose(self, text: str) -> None:
        self.answer = text
        self.accept()


class NameDialog(QDialog):
    """A line to write a name in; it can't be left empty."""

    def __init__(self, parent: QWidget | None, title: str, text: str, button: str) -> None:
        super().__init__(parent)
        self.setObjectName("name_dialog")
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(theme.FORM_WIDTH * 3 // 4)
        heading = PlainLabel(title)
        heading.setFont(theme.section())
        self.field = QLineEdit()
        self.field.setObjectName("name_field")
        self.field.setAccessibleName("Name")
        take = QPushButton(button)
        take.setObjectName("name_take")
        take.setProperty("kind", "primary")
        take.setDefault(True)
        take.setEnabled(False)
        take.clicked.connect(self.accept)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.field.textChanged.connect(lambda name: take.setEnabled(bool(name.strip())))
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addStretch()
        row.addWidget(cancel)
        row.addWidget(take)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        column.setSpacing(theme.SPACE_3)
        for widget in (heading, _wrapped(text), self.field):
            column.addWidget(widget)
        column.addSpacing(theme.SPACE_2)
        column.addLayout(row)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)


def _wrapped(text: str, *, muted: bool = False) -> PlainLabel:
    label = PlainLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if muted:
        label.setProperty("role", "muted")
        label.setFont(theme.mono())
    return label
