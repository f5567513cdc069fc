"""An evaluation -> predictions.jsonl, errors.jsonl, report.html and metrics.json, each of them whole."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from .files import write_whole
from .model.errors import DataError
from .plots import precision_recall_plot, reliability_plot
from .results import mark_actors, render_page
from .training.evaluate import Evaluation
from .training.mistakes import KINDS, WrongParagraph
from .training.predictions import METRICS, PREDICTIONS, prediction_lines
from .training.report import HEADINGS, measure_rows
from .training.slices import LEAST_GROUPS, LEAST_PARAGRAPHS

N_WORST = 30
_SMALL_SHOWN = 10
_SLICINGS = {
    "source": "Source",
    "outlet": "Outlet",
    "year": "Year",
    "length": "Length",
    "n_topics": "Number of gold topics",
    "holder": "Holder of the position",
}


def check_folder(folder: Path) -> None:
    """Raise `DataError` now, before the tagger runs, where the evaluation could not be written later."""
    if (folder / "model.safetensors").exists():
        raise DataError(f"{folder}: is a tagger folder, whose own metrics.json would be lost; name another folder")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: can't make the folder: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise DataError(f"{folder}: can't write in the folder")


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write the four files into a folder that is there."""
    files = {
        PREDICTIONS: prediction_lines(evaluation.gold, evaluation.tagged, evaluation.stances),
        "errors.jsonl": _lines([wrong.to_json() for wrong in evaluation.wrong]),
        "report.html": render_report(evaluation),
        METRICS: json.dumps(evaluation.metrics, ensure_ascii=False, indent=2, allow_nan=False) + "\n",
    }
    for name, text in files.items():
        write_whole(folder / name, text)


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)


def render_report(evaluation: Evaluation) -> str:
    """Return the report: one page that needs no other file."""
    from markupsafe import Markup

    metrics = evaluation.metrics
    calibration = metrics["calibration"]
    positions = {"before": None, **calibration["positions"]}
    return render_page(
        "evaluation.html",
        evaluation.labels,
        metrics=metrics,
        headings=HEADINGS,
        rows=measure_rows(metrics),
        curves=Markup(precision_recall_plot(evaluation)),
        reliability=Markup(reliability_plot(evaluation)),
        calibration=[*calibration["topics"].items(), ("stance", calibration["stance"]), ("positions", positions)],
        stance_ids=evaluation.labels.stance_ids,
        slices=[(_SLICINGS[name], _shown(own)) for name, own in metrics["slices"].items()],
        least_paragraphs=LEAST_PARAGRAPHS,
        least_groups=LEAST_GROUPS,
        kinds=KINDS,
        worst=[_side_by_side(wrong) for wrong in evaluation.wrong[:N_WORST]],
    )


def _shown(slices: dict[str, Any]) -> dict[str, Any]:
    """Leave out small slices beyond the first few, and count them."""
    small = [value for value, own in slices.items() if own["too_small"]][_SMALL_SHOWN:]
    return {"shown": [(value, own) for value, own in slices.items() if value not in small], "n_more": len(small)}


def _side_by_side(wrong: WrongParagraph) -> dict[str, Any]:
    return {
        "wrong": wrong,
        "kinds": Counter(mistake.kind for mistake in wrong.mistakes),
        "gold_pieces": mark_actors(wrong.gold),
        "predicted_pieces": mark_actors(wrong.tagged),
        "missed_topics": [mistake.topic for mistake in wrong.mistakes if mistake.kind == "topic_missed"],
        "extra_topics": [mistake.topic for mistake in wrong.mistakes if mistake.kind == "topic_extra"],
        "wrong_gold": [mistake.gold for mistake in wrong.mistakes if mistake.gold],
        "wrong_predicted": [mistake.predicted for mistake in wrong.mistakes if mistake.predicted],
    }
