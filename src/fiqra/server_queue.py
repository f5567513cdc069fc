"""Articles of several requests, tagged together in batches, one batch at a time, by the one tagger."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .model.records import Article, TaggedParagraph

Tagged = list[TaggedParagraph]
TagArticles = Callable[[Sequence[Article]], list[Tagged]]

BATCH = 64  # paragraphs tagged together: some seconds on a laptop's processor, so that nobody waits long for a turn
MOST_WAITING = 5_000  # paragraphs


class QueueFull(Exception):
    """More paragraphs are waiting than `most` allows."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} paragraphs are waiting")
        self.most = most


@dataclass
class _Job:
    """The articles of one request, and what is known of them so far."""

    articles: Sequence[Article]
    done: "asyncio.Future[list[Tagged]]"
    n_begun: int = 0
    tagged: dict[int, Tagged] = field(default_factory=dict)


class TaggingQueue:
    """Takes the articles of each request in turn, so that a long request doesn't keep short ones waiting."""

    def __init__(self, tag: TagArticles, *, batch: int = BATCH, most_waiting: int = MOST_WAITING) -> None:
        self._tag = tag
        self._batch = batch
        self._most_waiting = most_waiting
        self._jobs: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._worker: asyncio.Task[None] | None = None
        self.waiting = 0

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Finish what is waiting, then end."""
        self._closing = True
        self._wake.set()
        if self._worker:
            await self._worker
        self._thread.shutdown()

    async def tag(self, articles: Sequence[Article]) -> list[Tagged]:
        """Return the tagged paragraphs of each article.

        Raises:
            QueueFull: there is no room; an empty queue has room for anything.
        """
        n = sum(len(article.paragraphs) for article in articles)
        if self.waiting and self.waiting + n > self._most_waiting:
            raise QueueFull(self._most_waiting)
        job = _Job(articles, asyncio.get_running_loop().create_future())
        self.waiting += n
        self._jobs.append(job)
        self._wake.set()
        try:
            return await job.done
        finally:
            self.waiting -= n

    async def _work(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch and self._closing:
                return
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            articles = [job.articles[i] for job, i in batch]
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._tag_all, articles)
            for (job, i), answer in zip(batch, answers, strict=True):
                _settle(job, i, answer)

    def _next_batch(self) -> list[tuple[_Job, int]]:
        """Take an article of each waiting request in turn until the batch is full."""
        batch: list[tuple[_Job, int]] = []
        size = 0
        while self._jobs and size < self._batch:
            job = self._jobs.popleft()
            if job.done.done():  # one of its articles failed, or nobody waits for it any more
                continue
            batch.append((job, job.n_begun))
            size += len(job.articles[job.n_begun].paragraphs)
            job.n_begun += 1
            if job.n_begun < len(job.articles):
                self._jobs.append(job)
        return batch

    def _tag_all(self, articles: Sequence[Article]) -> list[Tagged | Exception]:
        """Tag in the worker's thread. Where a batch fails, each article is tried alone: one can't fail the others."""
        try:
            return list(self._tag(articles))
        except Exception as error:
            if len(articles) == 1:
                return [error]
            return [self._tag_all([article])[0] for article in articles]


def _settle(job: _Job, i: int, answer: Tagged | Exception) -> None:
    if job.done.done():
        return
    if isinstance(answer, Exception):
        job.done.set_exception(answer)
        return
    job.tagged[i] = answer
    if len(job.tagged) == len(job.articles):
        job.done.set_result([job.tagged[k] for k in range(len(job.articles))])
