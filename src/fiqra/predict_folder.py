"""`fiqra predict … -o folder/`: begin a job or go on with it, here or on a cluster, and say what became of it."""

from contextlib import AbstractContextManager, nullcontext
from threading import Event
from typing import TYPE_CHECKING

import typer

from .articles import ArticleReader
from .batch import Tally
from .console import STOPPED, progress, say
from .job import Job, JobSettings, open_job
from .job_run import run_parts, stop_on_signal
from .model.errors import DataError, FiqraError
from .model.settings import TaggerSettings
from .model.tagger import Tagger
from .model.tagger_files import read_files
from .storage import Storage

if TYPE_CHECKING:
    from .ray_engine import RayOptions

AGAIN = "the same command goes on there"


def run_folder(
    reader: ArticleReader,
    output: str,
    tagger: str,
    how: dict[str, str],
    part_format: str,
    part_size: int,
    *,
    on_ray: "RayOptions | None",
    quiet: bool,
) -> Tally:
    """Make the parts that are still to be made, and return the tally of all.

    Args:
        how: `backend`, `device` and `precision` to load the tagger with.

    Raises:
        DataError: the folder, the inputs or the cluster are not as they must be.
        typer.Exit: stopped before the last part.
    """
    storage = Storage(output)
    storage.make_folder("")
    files = read_files(tagger)
    tagger_id = TaggerSettings.from_json(files.config, str(files.folder / "config.json")).id
    columns = tuple(sorted(reader.columns.items()))
    settings = JobSettings(tagger_id, files.sha256, part_format, part_size, reader.keep_all, columns)
    with storage.locked():
        job = open_job(storage.root, settings, reader.files)
        storage.sweep()
        done = job.done(storage)
        left = [part for part in range(len(job.parts)) if part not in done]
        if done and not quiet:
            say(f"{storage.root}: {len(done)} of {len(job.parts)} parts are done, {len(left)} to go")
        stopped = _make(job, storage, tagger, how, left, done, on_ray, quiet) if left else False
        return _close(job, storage, done, stopped=stopped)


def _make(
    job: Job,
    storage: Storage,
    tagger: str,
    how: dict[str, str],
    left: list[int],
    done: dict[int, Tally],
    on_ray: "RayOptions | None",
    quiet: bool,
) -> bool:
    """Make the parts that are left, noting each in `done`; return whether the user stopped it."""
    stopping: AbstractContextManager[Event] = nullcontext(Event()) if on_ray else stop_on_signal(say)
    with stopping as stop, progress(quiet, len(job.parts)) as advance:

        def on_part(part: int, tally: Tally) -> None:
            done[part] = tally
            advance(tally.paragraphs if on_ray else 0, len(done))
            for reject in tally.rejects:
                say(f"left out: {reject.where}: {reject.reason}")

        try:
            if on_ray:
                from .ray_engine import run_parts_on_ray

                run_parts_on_ray(job, tagger, how, left, on_ray, on_part=on_part)
            else:
                loaded = Tagger.from_pretrained(tagger, **how)
                run_parts(
                    job, loaded, left, storage, on_batch=lambda n: advance(n, len(done)), on_part=on_part, stop=stop
                )
        except KeyboardInterrupt:
            return True
        except FiqraError as error:
            raise DataError(f"{error}\n  {len(done)} of {len(job.parts)} parts are done; {AGAIN}") from error
        return stop.is_set()


def _close(job: Job, storage: Storage, done: dict[int, Tally], *, stopped: bool) -> Tally:
    """Write what was left out, and return what was done in all."""
    tally = Tally()
    for part in sorted(done):
        tally.add(done[part])
    job.write_rejects(storage, tally)
    if stopped and len(done) < len(job.parts):
        say(f"stopped: {len(done)} of {len(job.parts)} parts are done; {AGAIN}")
        raise typer.Exit(STOPPED)
    if again := sum(reject.retry for reject in tally.rejects):
        say(f"{again} could not be read this time; {AGAIN} once they can")
    return tally
