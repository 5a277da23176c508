"""Every error inklings raises on purpose.

InklingsError
├── DataError            the files are not what they should be
│   ├── ReaderError      an image cannot be opened or decoded
│   ├── GeometryError    two things do not lie in the same physical space
│   └── LabelError       an annotation is missing, empty or contradictory
├── SpecError            the experiment file, or an option, asks for something impossible
└── MissingExtraError    an optional package is not installed
"""


class InklingsError(Exception):
    """Base class; catch it to catch anything inklings raises on purpose."""


class DataError(InklingsError):
    """The files are not what they should be."""


class ReaderError(DataError):
    """An image cannot be opened or decoded."""


class GeometryError(DataError):
    """Two things do not lie in the same physical space."""


class LabelError(DataError):
    """An annotation is missing, empty or contradictory."""


class SpecError(InklingsError):
    """The experiment file, or an option, asks for something impossible."""


class MissingExtraError(InklingsError):
    """An optional package is not installed; the message says which extra brings it."""
