"""What cannot be written, and what cannot be read."""


class NotStorableError(TypeError):
    """A value is outside the closed vocabulary of saved files."""


class MalformedError(ValueError):
    """A saved value is none that this package writes."""
