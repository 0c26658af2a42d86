"""The page that names each promise, its rows and the last figures: written from what the rows printed, never by hand."""
import datetime, json, os, subprocess

from promises import PROMISES, shown_by
from row import ROWS
from stage import TOP

PAGE = os.path.join(TOP, "tests/PROMISES.md")
# What each row printed when it was last published: a line a row, in the order of the rows.
LAST = os.path.join(TOP, "tests/faults/last.jsonl")
HEAD = """# What oyez promises, and what was measured last

Each promise has a number and rows of `tests/run faults` that show it. A row breaks the real program on purpose and lets the log
of the played providers judge; a figure outside its bound fails the row. Nothing here is written by hand:
`tests/faults/run --publish [ROW...]` runs rows and writes what they printed. `tests/faults/run --seed SEED ROW` runs a row again.

| | promise | rows |
|---|---|---|
"""


def figure(value):
    """A figure as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {figure(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(figure, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def figures(result):
    """All figures of a row in one line, each with its bound."""
    bounds = result.get("bounds", {})
    return ", ".join(f"{name.replace('_', ' ')} {figure(value)}{f' ({bounds[name]})' if name in bounds else ''}"
                     for name, value in result["figures"].items())


def publish(results, taken):
    """Takes over what the rows showed that were run; the others keep what they showed last."""
    known = last()
    for result in results:
        if result["pass"] is not None:
            kept = ("row", "figures", "bounds", "pass", "seed", "nightly", "seconds")
            known[result["row"]] = {**{key: result[key] for key in kept if key in result}, "taken": taken}
    with open(LAST, "w") as f:
        f.writelines(json.dumps(known[name]) + "\n" for name in ROWS if name in known)
    write()


def last():
    """What each row showed last, by its name."""
    if not os.path.exists(LAST):
        return {}
    with open(LAST) as f:
        return {found["row"]: found for found in map(json.loads, f)}


def write():
    with open(PAGE, "w") as page:
        page.write(text())


def is_current():
    """Whether the page says what the rows and their last figures say."""
    if not os.path.exists(PAGE):
        return False
    with open(PAGE) as page:
        return page.read() == text()


def text():
    known = last()
    index = [f"| {number} | {PROMISES[number]} | {' '.join(f'[`{row.name}`](#{row.name})' for row in rows)} |\n"
             for number, rows in shown_by(ROWS.values()).items()]
    return HEAD + "".join(index) + "".join(section(row, known.get(name)) for name, row in ROWS.items())


def section(row, result):
    head = f"\n## `{row.name}`\n\n{', '.join(row.promises)}. {row.promise}\n\n"
    if not result:
        return f"{head}Not run yet.\n"
    verdict = "Met" if result["pass"] else "**Missed**"
    night = ", nightly" if result.get("nightly") else ""
    seconds = f", {result['seconds']:.0f} s" if "seconds" in result else ""
    bounds = result.get("bounds", {})
    lines = "".join(f"| {name.replace('_', ' ')} | {figure(value)} | {bounds.get(name, '')} |\n"
                    for name, value in result["figures"].items())
    return f"{head}{verdict}: {result['taken']}, seed {result['seed']}{night}{seconds}.\n\n| figure | last | bound |\n|---|---|---|\n{lines}"


def stamp():
    """When, on which commit and on what machine."""
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, text=True).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%-d %B %Y")
    published = [f":!{os.path.relpath(path, TOP)}" for path in (PAGE, LAST)]
    changed = " with uncommitted changes" if git("status", "--porcelain", "--", ".", *published) else ""
    return f"{today}, commit {git('rev-parse', '--short', 'HEAD')}{changed}, {len(os.sched_getaffinity(0))} cores"
