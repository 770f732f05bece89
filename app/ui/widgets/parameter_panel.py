"""The parameters of the open conversation; those that the model doesn't take aren't shown."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.domain.generation import Sampling
from app.ui import theme
from app.ui.viewmodels.parameters import PARAMETERS, changed, shown, usual, written
from app.ui.widgets.form_rows import FormRow
from app.ui.widgets.plain_label import PlainLabel
from app.ui.widgets.wrapped_label import WrappedLabel

WIDTH = 220


class ParameterPanel(QFrame):
    """A field a parameter; each is taken on Enter or when it is left."""

    chosen = Signal(object)
    """The Sampling that the next answers are to have."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sampling = Sampling()
        self.setProperty("role", "card")
        self.setObjectName("parameters")
        self.setFixedWidth(WIDTH)
        self._rows: dict[str, FormRow] = {}
        self.fields: dict[str, QLineEdit] = {}
        heading = PlainLabel("Parameters")
        heading.setFont(theme.section())
        self._note = WrappedLabel()
        self._note.setObjectName("parameters_note")
        self._note.setProperty("role", "muted")
        self._note.setFont(theme.caption())
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme.SPACE_2, 0)
        column.setSpacing(theme.SPACE_3)
        column.addWidget(self._note)
        for parameter in PARAMETERS:
            field = QLineEdit()
            field.setObjectName(f"parameter_{parameter.name}")
            field.setFont(theme.figures())
            field.setPlaceholderText(usual(parameter.name))
            field.editingFinished.connect(lambda name=parameter.name: self._take(name))
            self.fields[parameter.name] = field
            self._rows[parameter.name] = FormRow(parameter.label, field, parameter.hint)
            column.addWidget(self._rows[parameter.name])
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(theme.SPACE_3, theme.SPACE_3, theme.SPACE_1, theme.SPACE_3)
        whole.setSpacing(theme.SPACE_2)
        whole.addWidget(heading)
        whole.addWidget(area, 1)

    def show_sampling(self, sampling: Sampling, taken: frozenset[str] | None, name: str) -> None:
        """Show what is chosen.

        Args:
            sampling: of the open conversation.
            taken: the fields that the model takes; None for all of them.
            name: the model; empty where there is none.
        """
        other = sampling != self._sampling
        self._sampling = sampling
        offered = {parameter.name for parameter in shown(taken)}
        for key, row in self._rows.items():
            row.setVisible(key in offered)
            # What was refused stays to be mended.
            if other or not (self.fields[key].hasFocus() or row.error):
                self.fields[key].setText(written(sampling, key))
                row.set_error("")
        if not offered:
            self._note.setText(f"{name}'s provider takes no parameters of this kind.")
        elif len(offered) < len(PARAMETERS):
            self._note.setText(f"Those that {name}'s provider takes.")
        else:
            self._note.setText("For the next answers in this conversation.")

    def _take(self, name: str) -> None:
        text = self.fields[name].text()
        try:
            sampling = changed(self._sampling, name, text)
        except ValueError as error:
            self._rows[name].set_error(str(error))
            return
        self._rows[name].set_error("")
        if sampling != self._sampling:
            self._sampling = sampling
            self.chosen.emit(sampling)
