"""The bounded reader of GGUF headers: standard library only, for files that nobody vouches for."""
