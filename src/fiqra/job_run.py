"""Run a job on this machine, and stop it so that nothing is lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event
from types import FrameType
from typing import Any

from .articles import Reject
from .batch import Item, Tagged, Tally, stretches, tag_stretches
from .job import Job
from .model.tagger import Tagger
from .storage import Storage


def run_parts(
    job: Job,
    tagger: Tagger,
    parts: list[int],
    storage: Storage,
    *,
    on_batch: Callable[[int], None] | None = None,
    on_part: Callable[[int, Tally], None] | None = None,
    stop: Event | None = None,
) -> None:
    """Tag and write parts, in order. Once `stop` is set, the part in hand is the last.

    Raises:
        DataError: a part can't be written.
    """
    waiting: list[Tagged | Reject] = []
    with closing(tag_stretches(tagger, _stretches(job, parts), on_batch=on_batch)) as stream:
        for (part, last), results in stream:
            waiting += results
            if last:
                tally = job.write(storage, part, waiting, tagger.backend.name)
                waiting = []
                if on_part:
                    on_part(part, tally)
                if stop and stop.is_set():
                    return


def _stretches(job: Job, parts: list[int]) -> Iterator[tuple[tuple[int, bool], list[Item]]]:
    """Yield the stretches of each part, each with the part's number and whether it is its last."""
    for part in parts:
        before: list[Item] | None = None
        for stretch in stretches(job.items(part)):
            if before is not None:
                yield (part, False), before
            before = stretch
        yield (part, True), before or []


@contextmanager
def stop_on_signal(say: Callable[[str], None]) -> Iterator[Event]:
    """Give an event that Ctrl-C, or the system's wish that this process end, sets; a second one interrupts at once."""
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> Any:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("stopping once the part in hand is written; again to stop at once, without it")

    usual = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
