"""Discovery of models on disk."""
