"""Tag a stream of articles, a stretch at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .articles import Reject
from .model.records import Article, TaggedParagraph
from .model.tagger import Tagger

STRETCH = 256  # paragraphs tagged together: enough to sort by length, few enough to keep


@dataclass
class Tally:
    """What went in, what came out, and what was left out."""

    articles: int = 0
    paragraphs: int = 0
    with_topic: int = 0
    positions: int = 0
    remnants: dict[str, int] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


def tag_stream(
    tagger: Tagger,
    items: Iterable[Article | Reject],
    tally: Tally,
    *,
    on_batch: Callable[[int], None] | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[tuple[Article, list[TaggedParagraph]]]:
    """Yield each article with its tagged paragraphs, in order; count everything in `tally`."""
    waiting: list[Article] = []
    for item in items:
        if isinstance(item, Reject):
            tally.rejects.append(item)
            if on_reject:
                on_reject(item)
            continue
        waiting.append(item)
        if sum(len(article.paragraphs) for article in waiting) >= STRETCH:
            yield from _tag(tagger, waiting, tally, on_batch)
            waiting = []
    yield from _tag(tagger, waiting, tally, on_batch)


def _tag(
    tagger: Tagger, articles: list[Article], tally: Tally, on_batch: Callable[[int], None] | None
) -> Iterator[tuple[Article, list[TaggedParagraph]]]:
    for article, tagged in zip(articles, tagger.tag_articles(articles, on_batch=on_batch), strict=True):
        tally.articles += 1
        tally.paragraphs += len(tagged)
        tally.with_topic += sum(bool(paragraph.topics) for paragraph in tagged)
        tally.positions += sum(len(paragraph.positions) for paragraph in tagged)
        for remnant in article.remnants:
            tally.remnants[remnant.kind] = tally.remnants.get(remnant.kind, 0) + 1
        yield article, tagged
