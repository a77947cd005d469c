"""Regular expressions that a tokenizer may bring along: those whose time stays in proportion."""

# In an alternative. Each more multiplies the time by the length of the text, at worst.
_MOST_REPETITIONS = 4
_MOST_TIMES = 100
_LONGEST = 4096
_GROUPS = ("?:", "?=", "?!", "?<=", "?<!", "?>", "?i:")


class _Level:
    """What has been read of one group."""

    def __init__(self) -> None:
        self.repetitions = 0  # in the alternative that is being read
        self.most = 0  # in any alternative
        self.quantified = False
        self.variable = False  # whether it may take different numbers of characters

    def add(self, repetitions: int) -> None:
        """Count repetitions of this alternative."""
        self.repetitions += repetitions
        self.most = max(self.most, self.repetitions)


def check_pattern(pattern: str) -> None:
    r"""Refuse a regular expression whose time may explode.

    A group that repeats has neither repetitions nor alternatives within, an alternative at most
    four unbounded repetitions, and there are no references back, calls or conditions. The patterns
    of published tokenizers are of this kind.

    Parameters
    ----------
    pattern : str
        The pattern, in the syntax of Oniguruma.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> check_pattern(r"'s|'t| ?[^\s\p{L}]+|\p{N}{1,3}|\s+(?!\S)|\s+")
    >>> check_pattern("(a+)+b")
    Traceback (most recent call last):
    ...
    ValueError: the pattern '(a+)+b' repeats a group that has repetitions within.
    """
    if len(pattern) > _LONGEST:
        raise ValueError(f"a pattern of {len(pattern)} characters is too long.")
    levels, place = [_Level()], 0
    closed: _Level | None = None
    while place < len(pattern):
        character, width = pattern[place], 1
        level, inner, closed = levels[-1], closed, None
        if character == "\\":
            width = _escape(pattern, place)
        elif character == "[":
            width = _class(pattern, place)
        elif character == "(":
            width = _opening(pattern, place)
            levels.append(_Level())
        elif character == ")" and len(levels) > 1:
            closed = levels.pop()
            levels[-1].add(closed.most)
            levels[-1].quantified |= closed.quantified
            levels[-1].variable |= closed.variable
        elif character == "|":
            level.repetitions, level.variable = 0, True
        elif character in "*+?{":
            width, unbounded, exact = _quantifier(pattern, place)
            refused = inner is not None and (
                inner.quantified if character == "{" else inner.variable and character != "?"
            )
            if refused and width:
                raise ValueError(
                    f"the pattern {pattern!r} repeats a group that has repetitions within."
                )
            level.quantified |= width > 0
            level.variable |= width > 0 and not exact
            level.add(int(unbounded))
            width = max(width, 1)
        if levels[-1].most > _MOST_REPETITIONS:
            raise ValueError(f"the pattern {pattern!r} has too many repetitions in a row.")
        place += width


def _escape(pattern: str, place: int) -> int:
    """The width of an escape that refers to nothing read before."""
    following = pattern[place + 1 : place + 2]
    if following in ("k", "g", "R", "X") or (following.isdigit() and following != "0"):
        raise ValueError(f"the pattern {pattern!r} refers back, calls or spans characters.")
    return 2


def _class(pattern: str, place: int) -> int:
    """The width of a set of characters, which may hold further sets."""
    depth, end = 0, place
    while end < len(pattern):
        if pattern[end] == "\\":
            end += 1
        elif pattern[end] == "[":
            depth += 1
        elif pattern[end] == "]":
            depth -= 1
            if depth == 0:
                return end + 1 - place
        end += 1
    raise ValueError(f"the pattern {pattern!r} has a set without an end.")


def _opening(pattern: str, place: int) -> int:
    """The width of what opens a group of a plain kind."""
    if pattern[place + 1 : place + 2] != "?":
        return 1
    for kind in _GROUPS:
        if pattern.startswith(kind, place + 1):
            return 1 + len(kind)
    raise ValueError(f"the pattern {pattern!r} has a group of an unknown kind.")


def _quantifier(pattern: str, place: int) -> tuple[int, bool, bool]:
    """Width of a quantifier, whether it is unbounded, and whether it is one exact number."""
    width, unbounded, exact = 1, pattern[place] in "*+", False
    if pattern[place] == "{":
        end = pattern.find("}", place)
        bounds = pattern[place + 1 : end].split(",") if end > 0 else []
        if len(bounds) not in (1, 2) or not all(bound.isdigit() for bound in bounds if bound):
            return 0, False, False
        if any(int(bound or 0) > _MOST_TIMES for bound in bounds):
            raise ValueError(f"the pattern {pattern!r} repeats too often.")
        width, unbounded = end + 1 - place, bounds[-1] == ""
        exact = len(bounds) == 1
    while pattern[place + width : place + width + 1] in ("?", "+"):
        width += 1
    return width, unbounded, exact
