"""Pictures of measurements, as SVG: `python -m bench.plots RESULTS FOLDER`, with the Python of build/bench.

Needs matplotlib and the standard library alone. The same results give the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: Final = {
    "svg.hashsalt": "enlist",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}

BLUE, ORANGE, GREEN, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#CC79A7"
DARK, GREY, LIGHT = "#444444", "#8C8C8C", "#C8C8C8"
"""Colours of Okabe and Ito, which people with any colour vision tell apart, and greys."""

PROGRAMS: Final = {
    "ours": ("Enlist", BLUE),
    "sdk": ("official SDKs", ORANGE),
    "floor": ("one signed call, httpx2 + pydantic", DARK),
    "lowered": ("the same, loaded leanly", GREY),
    "bare": ("one signed call, http.client + pydantic", LIGHT),
}
STATES: Final = {"valid": "valid bytecode", "none": "no bytecode", "deployed": "as deployed"}
JOBS: Final = ("attach", "connect")
WAYS: Final = {
    "batches": ("batches of 100", BLUE, "o"),
    "mixed batches": ("mixed batches of 100", PURPLE, "D"),
    "one batch": ("one batch", GREEN, "s"),
    "sweep": ("sweeps alone", ORANGE, "^"),
}
LEGEND_SPACE: Final = 1.45
"""Of an axis, in values: what stands above the highest bar."""

Rows = list[dict[str, Any]]


def rows_of(results: Mapping[str, Any], case: str, **setting: object) -> Rows:
    """Setting and numbers of each measurement of a case, those with these settings."""
    rows = [{**one["setting"], **one["numbers"]} for one in results["measurements"] if one["case"] == case]
    return [row for row in rows if all(row[name] == value for name, value in setting.items())]


def cold_starts(results: Mapping[str, Any]) -> Figure | None:
    """Wall time of every program in every state of bytecode, for both jobs."""
    rows = rows_of(results, "cold")
    if not rows:
        return None
    figure, panels = plt.subplots(1, len(JOBS), figsize=(9.6, 3.9), sharey=True)
    for panel, job in zip(panels, JOBS, strict=True):
        for place, kind in enumerate(PROGRAMS):
            some = {
                row["bytecode"]: row["wall_ms"] for row in rows if (row["job"], row["program"]) == (job, kind)
            }
            bars(panel, place, [some[state] for state in STATES if state in some], kind)
        panel.set_xticks(range(len(STATES)), [*STATES.values()])
        panel.tick_params(axis="x", length=0)
        panel.set_title(f"{job}: process start to outcome")
    panels[0].set_ylabel("milliseconds")
    panels[1].set_ylim(top=panels[1].get_ylim()[1] * 1.05)
    panels[1].legend(loc="upper right", fontsize=8)
    return figure


def bars(panel: Axes, place: int, summaries: Sequence[Mapping[str, float]], kind: str) -> None:
    """One program's bar in each group: medians, with lines from the lower to the upper quartile."""
    label, colour = PROGRAMS[kind]
    width = 0.84 / len(PROGRAMS)
    places = [group - 0.42 + (place + 0.5) * width for group in range(len(summaries))]
    heights = [one["median"] for one in summaries]
    below = [one["median"] - one["lower"] for one in summaries]
    above = [one["upper"] - one["median"] for one in summaries]
    line = {"lw": 0.8, "ecolor": "#000000"}
    panel.bar(places, heights, width * 0.92, color=colour, label=label, yerr=[below, above], error_kw=line)
    for x, one in zip(places, summaries, strict=True):
        text, top = f"{one['median']:,.0f}", (x, one["upper"])
        panel.annotate(text, top, (0, 2), textcoords="offset points", ha="center", fontsize=6.5)


def cold_start(results: Mapping[str, Any]) -> Figure | None:
    """The small one: time and memory of a cold start, at its best and as deployed."""
    rows = rows_of(results, "cold")
    if not rows:
        return None
    figure, panels = plt.subplots(1, 3, figsize=(9.0, 2.0), sharey=True)
    shown = [(job, kind) for job in JOBS for kind in ("ours", "sdk", "floor")]
    names = {"ours": "Enlist", "sdk": "official SDKs", "floor": "one signed call"}
    places = [place + (0.5 if job == "connect" else 0.0) for place, (job, _) in enumerate(shown)]
    for panel, state, number, unit, title in (
        (panels[0], "deployed", "wall_ms", "ms", "cold start, as deployed"),
        (panels[1], "valid", "wall_ms", "ms", "cold start, valid bytecode"),
        (panels[2], "valid", "peak_mib", "MiB", "peak memory, valid bytecode"),
    ):
        for place, one in zip(places, shown, strict=True):
            [row] = [row for row in rows if (row["job"], row["program"], row["bytecode"]) == (*one, state)]
            value = row[number]["median"]
            panel.barh(place, value, 0.82, color=PROGRAMS[one[1]][1])
            text = f"{value:,.0f} {unit}"
            panel.annotate(text, (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
        panel.spines["bottom"].set_visible(False)
        panel.tick_params(axis="y", length=0)
        panel.set_xticks([])
        panel.set_xlim(right=panel.get_xlim()[1] * 1.25)
        panel.set_title(title)
    panels[0].set_yticks(places, [f"{job}: {names[kind]}" for job, kind in shown])
    panels[0].invert_yaxis()
    return figure


def memory_and_sizes(results: Mapping[str, Any]) -> Figure | None:
    """Peak memory of a cold start, and what is uploaded and unpacked."""
    cold, sizes = rows_of(results, "cold", bytecode="valid"), rows_of(results, "sizes")
    if not cold or not sizes:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), width_ratios=(1.1, 1))
    for place, (kind, (label, colour)) in enumerate(PROGRAMS.items()):
        some = [
            row["peak_mib"]["median"]
            for job in JOBS
            for row in cold
            if (row["job"], row["program"]) == (job, kind)
        ]
        width = 0.84 / len(PROGRAMS)
        places = [group - 0.42 + (place + 0.5) * width for group in range(len(some))]
        label_bars(left, left.bar(places, some, width * 0.92, color=colour, label=label), "{:.0f}")
    left.set_xticks(range(len(JOBS)), JOBS)
    left.set_ylim(top=left.get_ylim()[1] * LEGEND_SPACE)
    left.set_title("peak memory of a cold start, MiB")
    left.legend(loc="upper left", fontsize=7.5, ncols=2)
    names = [row["package"].replace("sdk", "SDK").replace("layer", "Enlist's layer") for row in sizes]
    for offset, number, label, colour in (
        (-0.2, "zip_bytes", "zip", SKY),
        (0.2, "unpacked_bytes", "unpacked", BLUE),
    ):
        places = [place + offset for place in range(len(sizes))]
        drawn = right.bar(places, [row[number] / 1e6 for row in sizes], 0.38, color=colour, label=label)
        label_bars(right, drawn, "{:.1f}")
    right.set_xticks(range(len(sizes)), [name.replace(" for ", "\nfor ") for name in names])
    right.set_ylim(top=right.get_ylim()[1] * LEGEND_SPACE)
    right.set_title("packages with bytecode, MB")
    right.legend(loc="upper left", fontsize=8)
    for panel in (left, right):
        panel.tick_params(axis="x", length=0)
    return figure


def label_bars(panel: Axes, drawn: Any, form: str) -> None:  # noqa: ANN401 - matplotlib has no types here
    """The value above each bar."""
    panel.bar_label(drawn, fmt=form, fontsize=7, padding=2)


def short(value: float) -> str:
    """A number as people read it: three digits or so."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"  # noqa: PLR2004 - digits


def warm_events(results: Mapping[str, Any]) -> Figure | None:
    """What of a warm event's processor time goes where."""
    rows = rows_of(results, "warm")
    if not rows:
        return None
    figure, panel = plt.subplots(figsize=(7.6, 3.2))
    for place, row in enumerate(rows):
        own = row["own_cpu_ms"]["median"]
        named = {
            key: max(0.0, row[f"{key}_cpu_ms"]["median"]) for key in ("http", "signing", "log", "threads")
        }
        rest = max(0.0, own + named["http"] - sum(named.values()))
        pieces = (
            (named["http"], LIGHT, "HTTP calls"),
            (named["signing"], SKY, "signatures"),
            (named["log"], GREEN, "log lines"),
            (named["threads"], PURPLE, "threads"),
            (rest, BLUE, "the rest: events, plans, typed calls"),
        )
        left = 0.0
        for value, colour, label in pieces:
            panel.barh(place, value, 0.7, left=left, color=colour, label=label if not place else None)
            left += value
        calls = f"{row['calls']} call{'' if row['calls'] == 1 else 's'}"
        panel.annotate(
            f"own {own:.2f} ms, {calls}",
            (left, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    panel.set_yticks(range(len(rows)), [f"{row['job']}: {row['event']}" for row in rows])
    panel.tick_params(axis="y", length=0)
    panel.invert_yaxis()
    panel.set_xlim(right=panel.get_xlim()[1] * 1.3)
    panel.set_xlabel("ms of processor time an event; own is all but the HTTP calls, 1 ms at most")
    panel.legend(loc="lower right", fontsize=8)
    return figure


def bursts(results: Mapping[str, Any]) -> Figure | None:
    """Calls against their bound, time and memory, over the number of machines that are ready at once."""
    rows = rows_of(results, "fleet", store="none")
    if not rows:
        return None
    figure, (calls, wall, memory) = plt.subplots(1, 3, figsize=(10.4, 3.7))
    for way, (label, colour, mark) in WAYS.items():
        some = sorted((row for row in rows if row["way"] == way), key=lambda row: row["machines"])
        sizes = [row["machines"] for row in some]
        line = {"color": colour, "marker": mark, "ms": 5, "lw": 1.4, "alpha": 0.8, "label": label}
        calls.plot(sizes, [row["calls"] for row in some], **line)
        calls.plot(sizes, [row["calls_bound"] for row in some], color=colour, lw=1, ls=":")
        wall.plot(sizes, [row["wall_seconds"] for row in some], **line)
        memory.plot(sizes, [row["peak_mib"] for row in some], **line)
    calls.plot([], [], color=DARK, lw=1, ls=":", label="bound of the same colour")
    for panel, title in (
        (calls, "API calls (log scale)"),
        (wall, "seconds, all invocations (log scale)"),
        (memory, "peak memory, MiB"),
    ):
        panel.set_xscale("log")
        panel.set_title(title)
        panel.set_xlabel("machines ready at once")
        panel.set_xticks([100, 1_000, 10_000], ["100", "1,000", "10,000"])
        panel.minorticks_off()
        panel.grid(axis="y", color="#E4E4E4", lw=0.6)
    for panel in (calls, wall):
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda value, _: short(value))
        panel.minorticks_off()
    memory.set_ylim(bottom=0)
    figure.legend(*calls.get_legend_handles_labels(), loc="outside lower center", fontsize=8, ncols=5)
    return figure


def local_cloud(results: Mapping[str, Any]) -> Figure | None:
    """Pages and answers a second of the local cloud, and moto_server beside it."""
    pages, start = rows_of(results, "cloud"), rows_of(results, "cloud-start")
    if not pages or not start:
        return None
    figure, (ready, page, rate) = plt.subplots(1, 3, figsize=(9.6, 3.2))
    names = ("local cloud", "moto_server")
    colours = (BLUE, ORANGE)
    drawn = ready.bar(
        names, [start[0][f"{one}_answered_seconds"] for one in ("local", "moto")], 0.6, color=colours
    )
    label_bars(ready, drawn, "{:.2f}")
    ready.set_title("seconds to the first answer")
    for panel, title, keys in (
        (page, "p95 of a page of 100, ms (log scale)", ("local_p95_100", "moto_p95_100")),
        (rate, "pages of ten a second (log scale)", ("local_a_second_1", "moto_a_second_1")),
    ):
        for offset, key, name, colour in zip((-0.2, 0.2), keys, names, colours, strict=True):
            places = [place + offset for place in range(len(pages))]
            values = [row[key] for row in pages]
            drawn = panel.bar(places, values, 0.38, color=colour, label=name)
            panel.bar_label(drawn, [short(one) for one in values], fontsize=7, padding=2)
        panel.set_yscale("log")
        panel.set_ylim(top=panel.get_ylim()[1] * 6)
        panel.yaxis.set_major_formatter(lambda value, _: short(value))
        panel.minorticks_off()
        panel.set_xticks(range(len(pages)), [f"{row['instances']:,}" for row in pages])
        panel.set_xlabel("instances stored; 1,000 at most in moto")
        panel.set_title(title)
        panel.tick_params(axis="x", length=0)
    page.legend(loc="upper left", fontsize=8, ncols=2)
    return figure


PICTURES: Final[Mapping[str, Callable[[Mapping[str, Any]], Figure | None]]] = {
    "cold-start": cold_start,
    "cold-starts": cold_starts,
    "memory-and-sizes": memory_and_sizes,
    "warm-events": warm_events,
    "bursts": bursts,
    "local-cloud": local_cloud,
}
"""Every picture, by its name; None where what it shows was not measured."""


def main(results: Path, folder: Path) -> None:
    """Draws what was measured into the folder, and prints the names; other pictures stay as they were."""
    measured = json.loads(results.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, draw in PICTURES.items():
            figure = draw(measured)
            if figure is None:
                continue
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)
            print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
