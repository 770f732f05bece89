"""Charts of measured behaviour.

Only `app.ui.charts.plot` needs pyqtgraph; import it when the first chart is made.
"""
