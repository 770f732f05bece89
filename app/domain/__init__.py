"""Nouns and pure rules. No I/O, no asyncio, no Qt."""
