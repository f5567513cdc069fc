"""Work a few steps ahead of whoever takes the results, in a thread of its own."""

from collections.abc import Generator, Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_WAIT = 0.1  # seconds between looks at whether anybody still wants the next item


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def ahead(items: Iterable[T], depth: int, *, stopped: Event | None = None) -> Iterator[T]:
    """Yield the items in order while a thread works out the next `depth`; their errors are raised here.

    Args:
        stopped: Set once nobody wants any more items, for long work to look at.
    """
    queue: Queue[object] = Queue(depth)
    stopped = stopped or Event()
    thread = Thread(target=_work, args=(items, queue, stopped), daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


def _work(items: Iterable[object], queue: "Queue[object]", stopped: Event) -> None:
    last: object = _END
    try:
        for item in items:
            if not _put(queue, item, stopped):
                break
    except BaseException as error:
        last = _Failure(error)
    finally:
        if isinstance(items, Generator):
            items.close()
    _put(queue, last, stopped)


def _put(queue: "Queue[object]", item: object, stopped: Event) -> bool:
    while not stopped.is_set():
        try:
            queue.put(item, timeout=_WAIT)
            return True
        except Full:
            continue
    return False
