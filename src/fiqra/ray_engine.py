"""Run a job's parts on a Ray cluster: a warm tagger in each actor, and what a lost node had in hand done by others."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .batch import Tally
from .job import Job
from .model.errors import DataError, FiqraError
from .storage import Storage

logger = logging.getLogger(__name__)

PASSES = 4  # that may make nothing, one after the other, where a node was lost in the middle
PAUSE = 15.0  # seconds after such a pass: Ray takes up to half a minute to see that a node is gone


@dataclass(frozen=True)
class RayOptions:
    """`workers` actors (by default one a GPU, or one a node where there is none), each with `worker_cpus` cores."""

    address: str | None = None
    workers: int | None = None
    worker_cpus: int | None = None


class TagParts:
    """What runs in an actor: makes the parts whose numbers come in, and says what was in each."""

    def __init__(self, job: Job, tagger: str, how: dict[str, str]) -> None:
        from .model.tagger import Tagger

        self._job = job
        self._storage = Storage(job.root)
        self._tagger = Tagger.from_pretrained(tagger, **how)
        if self._tagger.sha256 != job.settings.tagger_sha256:
            raise FiqraError(f"tagger {tagger!r} on this node is another than where the job was started")

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        from .job_run import run_parts

        tallies: dict[int, Tally] = {}
        error = ""
        try:
            parts = [int(part) for part in batch["part"]]
            run_parts(self._job, self._tagger, parts, self._storage, on_part=tallies.__setitem__)
        except FiqraError as failure:  # what the user can mend goes back as words
            error = str(failure)
            tallies.setdefault(-1, Tally())
        return {
            "part": list(tallies),
            "tally": [json.dumps(tally.to_json()) for tally in tallies.values()],
            "error": [error] * len(tallies),
        }


def run_parts_on_ray(
    job: Job,
    tagger: str,
    how: dict[str, str],
    parts: list[int],
    options: RayOptions,
    *,
    on_part: Callable[[int, Tally], None],
) -> None:
    """Make parts on a cluster, in any order. What is lost with a node is made in another pass.

    Args:
        tagger: A name or folder that every node can load.
        how: `backend`, `device` and `precision` of the actors' taggers.

    Raises:
        DataError: a part can't be written, the first pass made none, or several later ones.
    """
    import ray
    import ray.exceptions

    if not ray.is_initialized():
        ray.init(address=options.address, log_to_driver=False, logging_level=logging.ERROR)
    left = list(parts)
    barren = 0  # passes, one after the other
    while left:
        made: set[int] = set()
        why = "Ray's log says why"
        try:
            for row in _pass(job, tagger, how, left, options):
                if row["error"]:
                    raise DataError(row["error"])
                made.add(int(row["part"]))
                on_part(int(row["part"]), Tally.from_json(json.loads(row["tally"])))
        except ray.exceptions.RayError as error:
            why = str(error).strip().splitlines()[-1]
        left = [part for part in left if part not in made]
        barren = 0 if made else barren + 1
        if barren == PASSES or len(left) == len(parts):
            raise DataError(f"{job.root}: no actor could make any of {len(left)} parts: {why}")
        if barren:
            logger.warning("no actor could make any of %d parts: again in %.0f seconds (%s)", len(left), PAUSE, why)
            time.sleep(PAUSE)
        elif left:
            logger.warning("%d parts were lost with their nodes: they are made again", len(left))


def _pass(job: Job, tagger: str, how: dict[str, str], parts: list[int], options: RayOptions) -> Any:
    """Yield a row for each part that is made; a block that fails with its actor is left out."""
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    workers, resources = _workers(ray.nodes(), options)
    logger.info("Ray: %d parts, %d actors with %s", len(parts), workers, resources)
    rows = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    made = rows.map_batches(
        TagParts,
        fn_constructor_args=(job, tagger, how),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(parts)), max_tasks_in_flight_per_actor=2),
        max_restarts=0,  # a lost actor's parts go into the next pass, so none waits for a node to come back
        **resources,
    )
    return made.iter_rows()


def _workers(nodes: list[dict[str, Any]], options: RayOptions) -> tuple[int, dict[str, float]]:
    """Return how many actors there are to be, and what each takes of its node."""
    alive = [node["Resources"] for node in nodes if node["Alive"] and node["Resources"].get("CPU")]
    if not alive:
        raise DataError("the Ray cluster has no node with a CPU")
    n_gpus = int(sum(node.get("GPU", 0) for node in alive))
    per_node = max(1, n_gpus // len(alive))
    cpus = options.worker_cpus or max(1, int(min(node["CPU"] for node in alive)) // per_node)
    resources = {"num_cpus": float(cpus)} | ({"num_gpus": 1.0} if n_gpus else {})
    fitting = sum(int(node["CPU"]) // cpus for node in alive)
    if not fitting:
        raise DataError(f"no node of the Ray cluster has the {cpus} CPUs that --worker-cpus asks for")
    return options.workers or min(n_gpus or len(alive) * per_node, fitting), resources
