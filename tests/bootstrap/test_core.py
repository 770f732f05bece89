"""What composing the program without a window costs."""

import subprocess
import sys


def test_that_no_sdk_and_no_keyring_is_imported_before_it_is_needed() -> None:
    heavy = ("openai", "anthropic", "httpx2", "keyring", "genai_prices")
    code = f"import sys, app.bootstrap.core; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
