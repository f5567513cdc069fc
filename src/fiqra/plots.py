"""Plots of an evaluation, as SVG to stand inside a page: their ink is the page's, light or dark.

Text is drawn as outlines, so that no font is needed to read it. matplotlib from 3.11 shapes and orders Arabic itself.
"""

import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .model.labels import Label
from .training.evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#0a0b0c"  # stands for the page's ink, which replaces it in the SVG
_BEFORE, _AFTER = "#c2703d", "#3b82c4"  # readable on light and dark paper
_WIDTH = 3.1  # inches a panel
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib, and has Arabic
    "font.size": 9,
    "legend.facecolor": "none",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "text.color": _INK,
    "text.parse_math": False,  # a label's name is no formula
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def precision_recall_plot(evaluation: Evaluation) -> str:
    """Return a panel a topic: precision over recall, with the point of the tagger's threshold."""
    from sklearn.metrics import precision_recall_curve

    def draw(axes: "Axes", topic: Label) -> None:
        own = evaluation.metrics["topics"]["per_topic"][topic.id]
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        if not own["support"]:
            axes.text(0.5, 0.5, "no example", ha="center")
            return
        truth = np.array([topic.id in record.topics for record in evaluation.gold])
        precision, recall, _ = precision_recall_curve(truth, [own.topic_probs[topic.id] for own in evaluation.tagged])
        axes.step(recall, precision, where="post", color=_AFTER)
        threshold = evaluation.decoding.topic_thresholds[evaluation.labels.topic_index(topic.id)]
        at = own["recall"]["value"], own["precision"]["value"]
        axes.plot(*at, "o", color=_BEFORE, markersize=7)
        axes.annotate(
            f"threshold {threshold:.2f}", at, xytext=(-8, -10), textcoords="offset points", ha="right", va="top"
        )
        axes.axhline(truth.mean(), color=_INK, alpha=0.4, linestyle=":", linewidth=1)
        axes.text(0.02, truth.mean() + 0.015, "share of paragraphs", fontsize=7, alpha=0.7)

    return _panels(evaluation.labels.topics, draw, "Precision and recall of each topic", "pr")


def reliability_plot(evaluation: Evaluation) -> str:
    """Return a panel a topic, one for stances and one for positions: how often true, over the probability."""
    calibration = evaluation.metrics["calibration"]
    measured = [*calibration["topics"].values(), calibration["stance"], calibration["positions"]]
    further = Label("stance", {"en": "likeliest stance"}, ""), Label("positions", {"en": "positions"}, "")
    labels = [*evaluation.labels.topics, *further]

    def draw(axes: "Axes", label: Label) -> None:
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="probability", ylabel="how often true")
        axes.plot([0, 1], [0, 1], color=_INK, alpha=0.4, linestyle=":", linewidth=1)
        own = measured[labels.index(label)]
        if own["after"] is None:
            axes.text(0.5, 0.5, "no example", ha="center")
            return
        for key, colour in (("before", _BEFORE), ("after", _AFTER)):
            if own.get(key) is not None:
                _draw_bins(axes, own[key]["bins"], colour, key)
        axes.legend(loc="upper left", fontsize=8, handletextpad=0.1, borderaxespad=0)

    return _panels(labels, draw, "Reliability before and after calibration", "reliability")


def _draw_bins(axes: "Axes", bins: list[dict[str, Any]], colour: str, name: str) -> None:
    """Draw each bin as a point, the larger the more it holds, with the 95 % interval of its frequency (Wilson)."""
    from scipy.stats import binomtest

    x, y = [own["mean_prob"] for own in bins], [own["frequency"] for own in bins]
    total = sum(own["n"] for own in bins)
    axes.scatter(x, y, s=[12 + 120 * own["n"] / total for own in bins], color=colour, alpha=0.8, linewidths=0)
    axes.scatter([], [], s=30, color=colour, linewidths=0, label=name)  # a legend with one size of point
    for own in bins:
        sure = binomtest(round(own["frequency"] * own["n"]), own["n"]).proportion_ci(method="wilson")
        axes.plot([own["mean_prob"]] * 2, [sure.low, sure.high], color=colour, alpha=0.45, linewidth=1)


def _panels(labels: Sequence[Label], draw: Any, title: str, name: str) -> str:
    """Draw a grid of panels, one a label, and return it as SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    n_columns = min(3 if len(labels) != 4 else 4, len(labels))
    n_rows = math.ceil(len(labels) / n_columns)
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH * n_columns, 0.95 * _WIDTH * n_rows), layout="constrained")
        grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axes, label in zip(grid, labels, strict=False):
            draw(axes, label)
            axes.set_title(_title(label))
        for axes in grid[len(labels) :]:
            axes.set_axis_off()
        return _inline(figure, title, name)


def _title(label: Label) -> str:
    arabic = label.name.get("ar")
    return f"{label.name.get('en', label.id)} · {arabic}" if arabic else label.name.get("en", label.id)


def _inline(figure: "Figure", title: str, name: str) -> str:
    """Return the figure as an SVG element: no prolog or metadata, ids of its own, the page's ink."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    svg = written.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    return svg.replace(_INK, "currentColor").replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
