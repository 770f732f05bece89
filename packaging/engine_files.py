"""Which of the engine's shared libraries a bundle needs."""

import re
from collections.abc import Iterable

# libllama is opened by the name without a version; it asks for libggml's by their sonames.
_LINUX = re.compile(r"libllama\.so|libggml[\w-]*\.so\.\d+")


def needed(names: Iterable[str]) -> list[str]:
    """The files of llama_cpp/lib to bundle.

    A Linux wheel holds every library under three names, as three copies, and libmtmd, which reads
    pictures and isn't used here. Elsewhere there is one file each.
    """
    kept = []
    for name in sorted(names):
        linux = ".so" in name
        if "mtmd" not in name and (not linux or _LINUX.fullmatch(name)):
            kept.append(name)
    return kept
