"""Install Modelyard into .venv beside this checkout, then start it.

    python3 packaging/run.py [ARGUMENTS]           start the program
    python3 packaging/run.py --tests [ARGUMENTS]   run the tests; arguments go to pytest
    python3 packaging/run.py --checks              run the linters and the type checker
    python3 packaging/run.py --bundle              build the bundle and try it

The first start installs; later ones find the stamp of that install and start at once. Needs nothing
but Python itself.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

OLDEST_PYTHON = (3, 11)
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "Modelyard needs Python {}.{} or newer and this is {}.{}. Install a newer one and run "
        "this with it, as in: python3.12 packaging/run.py".format(
            *(OLDEST_PYTHON + sys.version_info[:2])
        )
    )

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import venv  # noqa: E402 - an older Python reads the sentence above, not an import's traceback

from app.bootstrap import preflight  # noqa: E402 - found by the line above
from app.bootstrap.system_packages import COMPILER, VENV, Need  # noqa: E402 - likewise

ENVIRONMENT = ROOT / ".venv"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = ENVIRONMENT / "modelyard-install.json"
LOG = ENVIRONMENT / "modelyard-install.log"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
NO_COMPILER = (
    "llama.cpp could not be compiled for want of a C++ compiler. On Windows, install one with:\n"
    "  winget install Microsoft.VisualStudio.2022.BuildTools --override "
    '"--passive --wait --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"\n'
)
NO_REGISTRY = "The package registry could not be reached. Check the network and run this again."
NO_SPACE = "The disk is full. Free about 2 GB and run this again."
HINTS = (
    (("CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER", "nmake"), NO_COMPILER),
    (("NewConnectionError", "name resolution", "timed out", "Max retries"), NO_REGISTRY),
    (("No space left",), NO_SPACE),
)
UNMET = 2


class Refusal(Exception):
    """A sentence that ends this program with a status."""

    def __init__(self, words: str, status: int = 1) -> None:
        super().__init__(words)
        self.status = status


def main(arguments: list[str]) -> int:
    """Do what the first argument asks for; the exit status."""
    mode, rest = arguments[:1], arguments[1:]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    try:
        if mode == ["--tests"]:
            environ["QT_QPA_PLATFORM"] = "offscreen"
            _refuse_shortfall(preflight.shortfall(environ), _missing_tools())
            install({"test"})
            return _become([str(PYTHON), "-m", "pytest", *rest], environ, ROOT)
        if mode == ["--checks"]:
            _refuse_shortfall(None, _missing_tools())
            install({"check"})
            return run_checks()
        if mode == ["--bundle"]:
            _refuse_shortfall(None, _missing_tools())
            install({"bundle", "test"})
            return _become([str(PYTHON), "packaging/build.py", "--check"], environ, ROOT)
        if not is_installed(set()):
            # With arguments it may be a subcommand, which needs no window.
            window = None if arguments else preflight.shortfall(environ)
            _refuse_shortfall(window, _missing_tools())
            install(set())
        # -P: a folder called "app" in the working directory is not this program.
        return _become([str(PYTHON), "-P", "-m", "app", *arguments], environ, None)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.status
    except KeyboardInterrupt:
        return 130


def fingerprint() -> str:
    """What an install depends on besides its extras: pins, Python and the place of the checkout."""
    digest = hashlib.sha256()
    for part in (
        (ROOT / "pyproject.toml").read_bytes(),
        CONSTRAINTS.read_bytes(),
        f"{sys.version} {sys.base_prefix} {ROOT}".encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def read_stamp() -> tuple[str, set[str]]:
    """The fingerprint and extras of the last complete install; empty when there is none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return stamp["fingerprint"], set(stamp["extras"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", set()


def is_installed(extras: set[str]) -> bool:
    """Whether a complete install with at least these extras is there for this Python."""
    stamped, installed = read_stamp()
    return PYTHON.exists() and stamped == fingerprint() and extras <= installed


def install(extras: set[str]) -> None:
    """Bring .venv up to date with the pins; what is installed already stays.

    Raises:
        Refusal: it can't be done; the words say why.
    """
    if is_installed(extras):
        return
    wanted = sorted(extras | read_stamp()[1])
    STAMP.unlink(missing_ok=True)
    started = time.monotonic()
    if not _environment_is_sound():
        print(f"Making {ENVIRONMENT} with Python {sys.version.split()[0]}", flush=True)
        venv.EnvBuilder(clear=True, symlinks=os.name != "nt", with_pip=True).create(ENVIRONMENT)
    first = not _has_engine()
    print(f"Installing{' (llama.cpp is compiled once, 5 to 10 minutes)' if first else ''}")
    target = f".[{','.join(wanted)}]" if wanted else "."
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _run_logged([*pip, "--constraint", str(CONSTRAINTS), "--editable", target])
    stamp = {"fingerprint": fingerprint(), "extras": wanted}
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")
    print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)


def run_checks() -> int:
    """Run every check, say how long each took; the number that failed."""
    failed = 0
    for tool, *options in CHECKS:
        started = time.monotonic()
        status = subprocess.call([str(SCRIPTS / tool), *options], cwd=ROOT)
        failed += status != 0
        verdict = "ok" if status == 0 else "FAILED"
        print(f"{' '.join((tool, *options))}: {verdict}, {time.monotonic() - started:.1f} s")
    return failed


def progress(line: str) -> str | None:
    """What a line of pip's output tells a person who waits; None for most of them."""
    download = re.fullmatch(r"Downloading ([^-]+)-.* (\(.* MB\))", line.strip())
    if download:
        return f"downloading {download[1]} {download[2]}"
    build = re.match(r"Building wheel for (\S+) .*: (started|still running)", line.strip())
    if build:
        return f"{'compiling' if build[2] == 'started' else 'still compiling'} {build[1]}"
    return "unpacking" if line.startswith("Installing collected packages") else None


def failure_hint(log: str) -> str:
    """The likeliest cause that pip's output speaks of, in a sentence."""
    return next(
        (hint for signs, hint in HINTS if any(sign in log for sign in signs)),
        "Installing failed; the last lines above say why.",
    )


def _refuse_shortfall(window: preflight.Shortfall | None, tools: list[Need]) -> None:
    """Name everything that the system lacks at once, before minutes are spent on the rest."""
    needs = [*tools, *(window.needs if window else ())]
    if sys.platform == "linux" and needs:
        raise Refusal(preflight.name_needs(needs), UNMET)
    if needs:
        raise Refusal("This needs a C++ compiler. Install with:\n  xcode-select --install", UNMET)
    if window:
        raise Refusal(preflight.NO_DISPLAY, UNMET)


def _missing_tools() -> list[Need]:
    if _has_engine():
        return []
    missing = [] if _has_compiler() else [COMPILER]
    if importlib.util.find_spec("ensurepip") is None:
        missing.append(VENV)
    return missing


def _has_compiler() -> bool:
    if os.name == "nt":
        # Visual Studio's isn't on PATH; CMake finds it, and the log says when it doesn't.
        return True
    if sys.platform == "darwin":
        # The compilers in /usr/bin are there even when the tools behind them aren't.
        return subprocess.call(["xcode-select", "-p"], stdout=subprocess.DEVNULL) == 0
    return "CXX" in os.environ or any(map(shutil.which, ("c++", "g++", "clang++")))


def _has_engine() -> bool:
    packages = sysconfig.get_path("purelib", "venv", {"base": str(ENVIRONMENT)})
    return Path(packages, "llama_cpp").is_dir()


def _environment_is_sound() -> bool:
    ask = "import sys, pip; print(sys.version, sys.base_prefix)"
    try:
        answer = subprocess.check_output([str(PYTHON), "-c", ask], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.decode(errors="replace").strip() == f"{sys.version} {sys.base_prefix}"


def _run_logged(command: list[str]) -> None:
    """Run pip with its full output in the log and the lines that show progress on the screen."""
    with LOG.open("w", encoding="utf-8") as log, subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            words = progress(line)
            if words:
                print(f"  {words}", flush=True)
    if process.returncode == 0:
        return
    text = LOG.read_text(encoding="utf-8")
    print("\n".join(text.splitlines()[-20:]), file=sys.stderr)
    raise Refusal(f"{failure_hint(text)} All of pip's output is in {LOG}")


def _become(command: list[str], environ: dict[str, str], folder: Path | None) -> int:
    """Replace this process by the command; where that isn't possible, run it to its end."""
    sys.stdout.flush()
    if folder is not None:
        os.chdir(folder)
    if os.name == "posix":
        os.execve(command[0], command, environ)  # noqa: S606 - no shell is wanted
    return subprocess.call(command, env=environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
