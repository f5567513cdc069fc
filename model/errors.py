"""The errors a user can mend: each says where it stands, what was found, and what to do."""

import difflib
from collections.abc import Iterable


class FiqraError(Exception):
    """Base of every error that the user's input can cause; the command line shows its text and exits with 2."""


class DataError(FiqraError):
    """Records or label sets that break the format; the text names the file and line."""


class TaggerError(FiqraError):
    """A tagger or encoder that can't be found, read or built."""


def did_you_mean(found: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return " (did you mean 'x'?)" for the nearest known name, or "" where none is near."""
    near = difflib.get_close_matches(found, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {near[0]!r}?)" if near else ""
