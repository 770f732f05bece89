"""Charts of measured behaviour.

Only `app.ui.charts.plot` needs pyqtgraph; import it (off the loop) before the first chart is made.
"""
