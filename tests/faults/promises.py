"""The page that names each promise, its test and the last figures: written from what the rows printed, never by hand."""
import datetime, os, re, subprocess

from row import ROWS
from stage import TOP

PAGE = os.path.join(TOP, "tests/PROMISES.md")
HEAD = """# What oyez promises, and what was measured last

One promise a line, the row of `tests/run faults` that shows it, and what that row printed when it was last published. Each row
breaks the real program on purpose and lets the log of the played providers judge it. Nothing here is written by hand:
`tests/faults/run --publish [ROW...]` runs rows and writes their lines; `not run yet` means just that. In brackets stands what
would have failed the row.

| promise | row | last figures | taken |
|---|---|---|---|
"""
LINE = re.compile(r"^\| (?P<promise>.*) \| `(?P<row>\w+)` \| (?P<figures>.*) \| (?P<taken>.*) \|$", re.MULTILINE)


def figure(value):
    """A figure as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def figures(result):
    """All figures of a row in one line, each with its bound."""
    bounds = result.get("bounds", {})
    said = (f"{name.replace('_', ' ')} {figure(value)}{f' ({bounds[name]})' if name in bounds else ''}"
            for name, value in result["figures"].items())
    return ", ".join(said)


def publish(results):
    """Writes the lines of the rows that were run; the others keep what stands there."""
    known = {}
    if os.path.exists(PAGE):
        with open(PAGE) as page:
            known = {found["row"]: (found["figures"], found["taken"]) for found in LINE.finditer(page.read())}
    taken = stamp()
    for result in results:
        if result["pass"] is None:
            continue
        verdict = "" if result["pass"] else "**missed**: "
        night = ", nightly" if result.get("nightly") else ""
        known[result["row"]] = f"{verdict}{figures(result)}", f"{taken}, seed {result['seed']}{night}"
    with open(PAGE, "w") as page:
        page.write(HEAD)
        for name, row in ROWS.items():
            line, when = known.get(name, ("not run yet", ""))
            page.write(f"| {row.promise} | `{name}` | {line} | {when} |\n")


def stamp():
    """When, on which commit and on what machine."""
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, text=True).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%-d %B %Y")
    changed = " with uncommitted changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{today}, {git('rev-parse', '--short', 'HEAD')}{changed}, {len(os.sched_getaffinity(0))} cores"
