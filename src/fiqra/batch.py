"""Tag a stream of articles, a stretch at a time: the next is read and tokenized while the model works on this one."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import Any, TypeVar

from .ahead import ahead
from .articles import Reject
from .model.records import Article, TaggedParagraph
from .model.tagger import Tagger

STRETCH = 512  # paragraphs tagged together: enough to sort by length, few enough to keep several
_DEPTH = 2  # stretches ready before each step

Key = TypeVar("Key")
Item = Article | Reject
Tagged = tuple[Article, list[TaggedParagraph]]


@dataclass
class Tally:
    """What went in, what came out, and what was left out."""

    articles: int = 0
    paragraphs: int = 0
    with_topic: int = 0
    positions: int = 0
    remnants: dict[str, int] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def count(self, result: Tagged | Reject) -> None:
        if isinstance(result, Reject):
            self.rejects.append(result)
            return
        article, tagged = result
        self.articles += 1
        self.paragraphs += len(tagged)
        self.with_topic += sum(bool(paragraph.topics) for paragraph in tagged)
        self.positions += sum(len(paragraph.positions) for paragraph in tagged)
        for remnant in article.remnants:
            self.remnants[remnant.kind] = self.remnants.get(remnant.kind, 0) + 1

    def add(self, other: "Tally") -> None:
        self.articles += other.articles
        self.paragraphs += other.paragraphs
        self.with_topic += other.with_topic
        self.positions += other.positions
        for kind, n in other.remnants.items():
            self.remnants[kind] = self.remnants.get(kind, 0) + n
        self.rejects += other.rejects

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Tally":
        return cls(**{**content, "rejects": [Reject(**reject) for reject in content["rejects"]]})


def tag_stream(
    tagger: Tagger,
    items: Iterable[Item],
    tally: Tally,
    *,
    on_batch: Callable[[int], None] | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[Tagged]:
    """Yield each article with its tagged paragraphs, in order; count everything in `tally`.

    `on_batch` is called from another thread.
    """
    keyed = ((None, stretch) for stretch in stretches(items))
    for _, results in tag_stretches(tagger, keyed, on_batch=on_batch):
        for result in results:
            tally.count(result)
            if not isinstance(result, Reject):
                yield result
            elif on_reject:
                on_reject(result)


def stretches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut a stream where `STRETCH` paragraphs or as many items have come together; the last may be empty."""
    waiting: list[Item] = []
    n = 0
    for item in items:
        waiting.append(item)
        n += len(item.paragraphs) if isinstance(item, Article) else 0
        if max(n, len(waiting)) >= STRETCH:
            yield waiting
            waiting, n = [], 0
    yield waiting


def tag_stretches(
    tagger: Tagger, keyed: Iterable[tuple[Key, Sequence[Item]]], *, on_batch: Callable[[int], None] | None = None
) -> Generator[tuple[Key, list[Tagged | Reject]], None, None]:
    """Yield each stretch with its key, its articles tagged, its rejects as they came.

    A stretch is batched by itself, so what is said of its paragraphs doesn't hang on what came before. Reading and
    tokenizing run in one thread, the model in a second, and reading off in the caller's.
    """
    stopped = Event()

    def unless_stopped(n: int) -> None:
        if stopped.is_set():
            raise InterruptedError("nobody waits for this stretch")
        if on_batch:
            on_batch(n)

    def encoded() -> Iterator[Any]:
        for key, items in keyed:
            articles = [item for item in items if isinstance(item, Article)]
            yield key, items, articles, tagger.encode(articles)

    def run(stream: Iterator[Any]) -> Iterator[Any]:
        for *rest, tokens in stream:
            yield *rest, tokens, tagger.run(tokens, on_batch=unless_stopped)

    for key, items, articles, tokens, logits in ahead(run(ahead(encoded(), _DEPTH)), _DEPTH, stopped=stopped):
        tagged = iter(zip(articles, tagger.read_off(articles, tokens, logits), strict=True))
        yield key, [item if isinstance(item, Reject) else next(tagged) for item in items]
