"""fiqra: the topics of Arabic news paragraphs, and who takes which stance on them.

Example:
    >>> from fiqra import Tagger
    >>> tagger = Tagger.from_pretrained("fiqra-mini")
    >>> tagger.tag("رحبت الحكومة بالهدنة.")[0].topics
    ('ceasefire',)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model.records import Actor, Article, Paragraph, Position, TaggedParagraph
    from .model.tagger import Tagger

__all__ = ["Actor", "Article", "Paragraph", "Position", "TaggedParagraph", "Tagger"]


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds, which `fiqra --help` need not wait for."""
    if name not in __all__:
        raise AttributeError(f"module 'fiqra' has no attribute {name!r}")
    from .model import records

    if name != "Tagger":
        return getattr(records, name)
    from .model.tagger import Tagger

    return Tagger
