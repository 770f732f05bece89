"""Searching Modelyard's own files and processes for keys, and what that came to."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.domain.accounts import AccountId
from app.domain.secrets import AuditReport
from app.manager.manager import Manager
from app.ui import dialogs, theme
from app.ui.intents import Intents
from app.ui.theme import Theme
from app.ui.viewmodels import account_words
from app.ui.viewmodels.lookup import Lookup
from app.ui.widgets.answer_view import AnswerView
from app.ui.widgets.copy_line import CopyLine
from app.ui.widgets.notice import Notice
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

SHOWN = 50
"""Places that are listed of each kind."""
SCOPE = (
    "Every key is looked for in the state, the logs and the crash reports, and in the arguments "
    "and the environment of every process that Modelyard has started."
)
FOUND = "Remove these places or change the keys: who reads them has the keys."


async def show_audit(parent: QWidget, look: Theme, manager: Manager, intents: Intents) -> None:
    """Search, and show what that came to until the dialog is closed."""
    names = {account.id: account.name for account in manager.accounts.all()}
    search = Lookup[AuditReport](intents, "search for keys")

    def start() -> None:
        search.start(manager.keys.audit)

    dialog = AuditDialog(parent, look, search, names)
    dialog.again.clicked.connect(start)
    dialog.view.retried.connect(start)
    start()
    try:
        await dialogs.finished(dialog)
    finally:
        search.clear()
        search.deleteLater()


class AuditDialog(QDialog):
    """The sentence that counts, then the places."""

    def __init__(
        self,
        parent: QWidget,
        look: Theme,
        search: Lookup[AuditReport],
        names: Mapping[AccountId, str],
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._search = search
        self._names = names
        self._shown: AuditReport | None = None
        self.setObjectName("audit_dialog")
        self.setWindowTitle("Audit keys")
        self.setModal(True)
        self.resize(theme.FORM_WIDTH, theme.FORM_WIDTH // 2)
        heading = PlainLabel("Where keys lie openly")
        heading.setFont(theme.section())
        scope = WrappedLabel(SCOPE)
        scope.setProperty("role", "muted")
        content = QWidget()
        self._notice = Notice(look, "audit_words")
        self._places = QVBoxLayout()
        self._places.setSpacing(theme.SPACE_1)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(self._notice)
        column.addLayout(self._places)
        column.addStretch()
        self.view = AnswerView(look, content, "Searching…")
        self.again = QPushButton("Search again")
        self.again.setObjectName("audit_again")
        self.again.setAutoDefault(False)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_2)
        row.addStretch()
        row.addWidget(self.again)
        row.addWidget(close)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(theme.SPACE_6, theme.SPACE_6, theme.SPACE_6, theme.SPACE_4)
        whole.setSpacing(theme.SPACE_3)
        whole.addWidget(heading)
        whole.addWidget(scope)
        whole.addWidget(self.view, 1)
        whole.addLayout(row)
        search.changed.connect(self._show)
        self._show()
        close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self) -> None:
        search = self._search
        self.again.setEnabled(not search.waiting)
        report = None if search.waiting or search.failure is not None else search.answer
        self.view.show_state(there=report is not None, failure=search.failure)
        if report is not None and report is not self._shown:
            self._shown = report
            self._report(report)

    def _report(self, report: AuditReport) -> None:
        while (item := self._places.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        bad = bool(report.findings)
        words = account_words.audit(report)
        self._notice.say(f"{words} {FOUND}" if bad else words, "warn" if bad else "ok")
        for found in report.findings[:SHOWN]:
            self._list("Place", account_words.finding(found, self._names))
        if report.unreadable:
            unread = PlainLabel("Couldn't be read, so nobody knows:")
            unread.setProperty("role", "muted")
            self._places.addWidget(unread)
        for place in report.unreadable[:SHOWN]:
            self._list("Path", place)

    def _list(self, name: str, text: str) -> None:
        self._places.addWidget(CopyLine(self._look, name, text))
