"""The closed list of reasons why a model file can't be used."""

from enum import StrEnum


class FileFault(StrEnum):
    """What is wrong with a file; the value is the sentence for people, with places for figures."""

    EMPTY = "This file is empty."
    IRREGULAR = "This isn't a regular file."
    NOT_GGUF = "This isn't a GGUF file."
    UNREADABLE = "This file can't be read ({error})."
    TOO_COSTLY = "Reading this file's header took more memory than a model's ever does."
    BYTE_ORDER = "This GGUF file is for machines of the other byte order."
    VERSION = "This file has GGUF version {version}, and only versions 2 and 3 can be read."
    SHORTENED = "This file became shorter while it was read."
    NAME = "This file's name or its folder's isn't valid text: rename it."

    HEADER_CUT = "This file ends inside its header."
    WEIGHTS_CUT = "This file ends before its tensors do (expected {expected}, found {found})."
    HEADER_SIZE = "This file's header is too large to be real."
    ENTRIES = "This file's header claims more entries than a model can have."
    TEXT_SIZE = "This file's header holds a text that is too long to be real."
    KEY_TWICE = "This file's header has the key {name!r} twice."
    NESTED_LIST = "This file's header holds a list of lists, which no model has."
    VALUE_TYPE = "This file's header holds a value of unknown type {type}."
    ALIGNMENT = "This file's header gives an alignment that can't be."
    TENSOR_TWICE = "This file has the tensor {name!r} twice."
    TENSOR_DIMENSIONS = "This file has a tensor of more than four dimensions."
    TENSOR_SIZE = "This file has a tensor that is too large to be real."

    ARCHITECTURE = "This file doesn't say which kind of model it holds."
    NO_WEIGHTS = "This file holds no weights."
    LAYERS = "This model claims to have {count} layers."
    EMBEDDING_LENGTH = "This model claims an embedding length of {count}."
    FIGURE = "This model's header gives a {figure} that can't be."
    HEADS = "This model claims a number of attention heads that can't be."
    HEAD_LIST = "This model's list of attention heads doesn't fit its layers."
    NO_HEADS = "This model claims to have no attention heads."
    HEAD_SPLIT = "This model's embedding length can't be split among its heads."
    EPSILON = "This model's normalisation can't be computed (bad epsilon)."

    PART_MISSING = "Part {number} of {total} is missing ({name})."
    PARTS_MISSING = "{missing} of {total} parts are missing (the first is {name})."
    PART_COUNT = (
        "This file's header counts {counted} parts and its name {named}, "
        "so they can't be put together."
    )
    ADDITION = "This file is an addition to a model, such as a projector, and can't run alone."

    def sentence(self, **figures: object) -> str:
        """The reason with its figures in their places."""
        return self.value.format(**figures)
