"""A model's chat template: what it makes of a conversation, and its source."""

from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.theme import Theme
from app.ui.viewmodels.inspected import Inspected
from app.ui.widgets.answer_view import AnswerView
from app.ui.widgets.check_box import CheckBox
from app.ui.widgets.error_box import ErrorBox
from app.ui.widgets.text_pane import TextPane
from app.ui.widgets.wrapped_label import WrappedLabel

NONE = (
    "This file brings no chat template. Modelyard uses the known one of its family, or a plain "
    "script."
)


class TemplateView(QWidget):
    """The preview on top, with a system prompt or without; the source below."""

    def __init__(self, look: Theme, inspected: Inspected, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._inspected = inspected
        self.system = CheckBox("With a system prompt")
        self.system.setObjectName("template_system")
        self.system.clicked.connect(inspected.set_system)
        self.preview = TextPane(look, "template_preview", "Preview")
        self.source = TextPane(look, "template_source", "Source")
        self._failure: ErrorBox | None = None
        self._both = QWidget()
        self._column = QVBoxLayout(self._both)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.SPACE_2)
        self._column.addWidget(self.system)
        self._column.addWidget(self.preview, 1)
        self._column.addWidget(self.source, 1)
        none = WrappedLabel(NONE)
        none.setObjectName("template_none")
        none.setProperty("role", "muted")
        self._none = QWidget()
        alone = QVBoxLayout(self._none)
        alone.setContentsMargins(0, theme.SPACE_2, 0, 0)
        alone.addWidget(none)
        alone.addStretch()
        content = QWidget()
        self._stack = QStackedLayout(content)
        self._stack.addWidget(self._both)
        self._stack.addWidget(self._none)
        self._view = AnswerView(look, content, "Reading the template…")
        self._view.retried.connect(inspected.retry)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._view)
        inspected.template.changed.connect(self._show)
        inspected.preview.changed.connect(self._show_preview)
        self._show()

    def _show(self) -> None:
        template = self._inspected.template
        self._view.show_state(there=template.answer is not None, failure=template.failure)
        self._stack.setCurrentWidget(self._both if template.answer else self._none)
        self.source.set_text(template.answer or "")
        self._show_preview()

    def _show_preview(self) -> None:
        preview = self._inspected.preview
        failure = preview.failure
        self.preview.box.setPlaceholderText("Rendering…" if preview.waiting else "")
        self.preview.setVisible(failure is None)
        self.preview.set_text(preview.answer or "")
        if failure is not None:
            if self._failure is None:
                self._failure = ErrorBox(self._look, failure)
                # What the template itself says is the detail.
                for details in self._failure.buttons():
                    details.setChecked(True)
                self._column.insertWidget(1, self._failure)
            self._failure.show_report(failure)
        if self._failure is not None:
            self._failure.setVisible(failure is not None)
