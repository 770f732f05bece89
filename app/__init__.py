"""Modelyard: find, load, hot-swap, profile and compare AI models."""

__version__ = "0.1.0"
