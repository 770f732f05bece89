"""Errors for people: what happened, what to do, and the detail one click away.

AppError
├── ModelError              a model can't be read, loaded or run
│   ├── UnknownModel        the id or alias names nothing
│   ├── MissingFile         the file or its drive is gone
│   ├── InvalidFile         the file is broken, by its header or by the engine's word
│   ├── DoesNotFit          more memory than there is
│   │   └── TooManyLoaded   more models than the settings allow
│   ├── LoadCancelled       somebody cancelled the load that others waited for
│   ├── LoadStalled         no progress for too long
│   ├── WorkerCrashed       its process ended on its own
│   ├── WorkerHung          its process stopped answering
│   ├── NotLoaded           the action needs a loaded model
│   └── ModelDegraded       it answers, and much worse than it usually does
├── RemoteError             a provider's server doesn't answer as it should
│   ├── Unreachable         there is no way to it: name, port or certificate
│   ├── NotThatServer       something else answers there
│   ├── RemoteTimeout       it is silent for too long
│   ├── StreamCut           its answer broke off
│   ├── RateLimited         it wants to be asked later
│   ├── Overloaded          it is busy or broken for now
│   └── QuotaSpent          the account has no credit left
├── RequestError            this request can't be served; the model is fine
│   ├── ContextOverflow     prompt and answer exceed the context
│   │   └── HistoryOverflow they would fit without the oldest turns
│   ├── BudgetSpent         it would cost money that the person doesn't want to spend
│   ├── ContentRefused      the provider doesn't want to answer this
│   └── TemplateFailed      the chat template can't render the conversation
├── StorageError            state can't be read or written
├── FolderError             a folder can't be read
├── KeyringFailed           the system's keyring doesn't do what is asked
└── SettingError            a setting's value can't be taken
    └── KeyUnusable         a key is missing, or none that could be sent
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    # What can fail before the first paint is imported with its errors, and without pydantic.
    from app.domain.crashes import CrashReport


class ErrorKind(StrEnum):
    """The closed list of causes; what a face may branch on."""

    UNKNOWN_MODEL = "unknown_model"
    MISSING_FILE = "missing_file"
    INVALID_FILE = "invalid_file"
    DOES_NOT_FIT = "does_not_fit"
    TOO_MANY = "too_many"
    CANCELLED = "cancelled"
    STALLED = "stalled"
    CRASHED = "crashed"
    HUNG = "hung"
    NOT_LOADED = "not_loaded"
    ALREADY_LOADED = "already_loaded"
    BUSY = "busy"
    REQUEST = "request"
    CONTEXT_OVERFLOW = "context_overflow"
    HISTORY_OVERFLOW = "history_overflow"
    TEMPLATE = "template"
    STORAGE = "storage"
    FOLDER = "folder"
    SETTING = "setting"
    DEGRADED = "degraded"
    REMOTE = "remote"
    UNREACHABLE = "unreachable"
    WRONG_SERVER = "wrong_server"
    TIMEOUT = "timeout"
    CUT = "cut"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    QUOTA = "quota"
    CONTENT = "content"
    BUDGET = "budget"
    KEYRING = "keyring"
    KEY = "key"
    INTERNAL = "internal"


class AppError(Exception):
    """An expected failure, worded for the person who meets it."""

    kind = ErrorKind.INTERNAL

    def __init__(
        self, what: str, remedy: str, detail: str = "", crash: CrashReport | None = None
    ) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy
        self.detail = detail
        self.crash = crash
        self.retry_at: float | None = None

    def again(self, remedy: str, retry_at: float) -> Self:
        """This error for somebody who is refused because it would only happen once more.

        Args:
            remedy: what to do now.
            retry_at: when it may be tried by itself, in seconds since the epoch.
        """
        error = type(self)(self.what, remedy, self.detail, self.crash)
        error.retry_at = retry_at
        return error


class ModelError(AppError):
    """A model can't be read, loaded or run."""


class UnknownModel(ModelError):
    """The id or alias names nothing that the registry knows."""

    kind = ErrorKind.UNKNOWN_MODEL


class MissingFile(ModelError):
    """The model's file, folder or drive is gone."""

    kind = ErrorKind.MISSING_FILE


class InvalidFile(ModelError):
    """The file is broken or of a kind that the engine can't run."""

    kind = ErrorKind.INVALID_FILE


class DoesNotFit(ModelError):
    """The model needs more memory than there is to give."""

    kind = ErrorKind.DOES_NOT_FIT


class TooManyLoaded(DoesNotFit):
    """The settings allow no more models at once, and none of them leaves."""

    kind = ErrorKind.TOO_MANY


class LoadCancelled(ModelError):
    """Somebody cancelled the load that others waited for."""

    kind = ErrorKind.CANCELLED


class LoadStalled(ModelError):
    """Loading made no progress for too long and was ended."""

    kind = ErrorKind.STALLED


class WorkerCrashed(ModelError):
    """The model's process ended on its own: crashed, killed or aborted."""

    kind = ErrorKind.CRASHED


class WorkerHung(ModelError):
    """The model's process stopped answering and was ended."""

    kind = ErrorKind.HUNG


class NotLoaded(ModelError):
    """The action needs a model that is loaded."""

    kind = ErrorKind.NOT_LOADED


class AlreadyLoaded(ModelError):
    """The model that somebody wants loaded is."""

    kind = ErrorKind.ALREADY_LOADED


class ModelBusy(ModelError):
    """The model that somebody wants gone is in use."""

    kind = ErrorKind.BUSY


class ModelDegraded(ModelError):
    """The model answers, and much worse than it usually does."""

    kind = ErrorKind.DEGRADED


class RemoteError(AppError):
    """A provider's server doesn't answer as it should."""

    kind = ErrorKind.REMOTE


class Unreachable(RemoteError):
    """There is no way to the server: its name, port or certificate is wrong, or the network is."""

    kind = ErrorKind.UNREACHABLE


class NotThatServer(RemoteError):
    """Something answers there, and not as a server of models does."""

    kind = ErrorKind.WRONG_SERVER


class RemoteTimeout(RemoteError):
    """The server is silent for too long."""

    kind = ErrorKind.TIMEOUT


class StreamCut(RemoteError):
    """The answer broke off; what had come stands."""

    kind = ErrorKind.CUT


class RateLimited(RemoteError):
    """The server wants to be asked later; `retry_at` says when."""

    kind = ErrorKind.RATE_LIMITED


class Overloaded(RemoteError):
    """The server is busy or broken for now."""

    kind = ErrorKind.OVERLOADED


class QuotaSpent(RemoteError):
    """The account has no credit left, or has met its limit."""

    kind = ErrorKind.QUOTA


class RequestError(AppError):
    """This request can't be served; the model itself is fine."""

    kind = ErrorKind.REQUEST


class ContextOverflow(RequestError):
    """The prompt and its answer don't fit into the model's context."""

    kind = ErrorKind.CONTEXT_OVERFLOW

    def __init__(
        self,
        what: str,
        remedy: str,
        detail: str = "",
        *,
        share: float = 0.0,
        longest: bool = False,
    ) -> None:
        """Word it.

        Args:
            what: one sentence that says what happened.
            remedy: one sentence that says what to do.
            detail: the technical detail.
            share: how much of the prompt there is room for, 0 to 1; 0 where that isn't known.
            longest: whether the context is as long as the model was trained for.
        """
        super().__init__(what, remedy, detail)
        self.share = share
        self.longest = longest


class HistoryOverflow(ContextOverflow):
    """The conversation doesn't fit, but would without its oldest turns."""

    kind = ErrorKind.HISTORY_OVERFLOW


class BudgetSpent(RequestError):
    """It would cost money that the person doesn't want to spend."""

    kind = ErrorKind.BUDGET


class ContentRefused(RequestError):
    """The provider doesn't want to answer this."""

    kind = ErrorKind.CONTENT


class TemplateFailed(RequestError):
    """The model's chat template can't render this conversation."""

    kind = ErrorKind.TEMPLATE


class StorageError(AppError):
    """The app's own state can't be read or written."""

    kind = ErrorKind.STORAGE


class FolderError(AppError):
    """A folder can't be read."""

    kind = ErrorKind.FOLDER


class SettingError(AppError):
    """A setting's value can't be taken."""

    kind = ErrorKind.SETTING


class KeyringFailed(AppError):
    """The system's keyring is locked, denies it, is too slow or lost what it was given."""

    kind = ErrorKind.KEYRING


class KeyUnusable(SettingError):
    """A key is missing, or none that could be sent."""

    kind = ErrorKind.KEY
