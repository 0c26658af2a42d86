"""Promises that are shown by tests of the Rust code: a row runs them and takes over what they print."""
import json, re, subprocess

from row import row
from stage import ENVIRONMENT, TOP, Missed

# Their names, so that their tests are built before anything is measured.
RUST = []


def rust(name, promises, promise, tests, seconds=120, busy=False, bounds=None, at_night=None):
    """A row that runs the tests of a nextest filter; `figures` of each JSON object that they print become the row's.

    What `bounds` names has to be printed and lie within. At night the environment has OYEZ_TEST_NIGHTLY and `at_night`, for more
    rounds.
    """
    RUST.append(name)

    def show(it):
        night = {"OYEZ_TEST_NIGHTLY": "1", **(at_night or {})} if it.nightly else {}
        profile = ["--profile", "night"] if it.nightly else []
        done = subprocess.run(["cargo", "nextest", "run", "--workspace", "--locked", "--no-capture", "--color", "never", *profile,
                               "-E", tests], cwd=TOP, env={**ENVIRONMENT, **night}, capture_output=True, text=True)
        printed = {}
        for line in done.stdout.splitlines():
            printed.update(figures(line))
        for figure in {**printed, **(bounds or {})}:
            it.shows(figure, printed.get(figure), **(bounds or {}).get(figure, {}))
        passed = re.search(r"(\d+) passed", done.stderr)
        it.shows("tests", int(passed[1]) if passed else 0, at_least=1)
        if done.returncode:
            raise Missed(f"nextest ended with {done.returncode}: {done.stderr[-1500:]}")
    show.__doc__ = promise
    row(name, promises, seconds, busy)(show)


def figures(line):
    """The figures in a line that a test printed, if it has any."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said.get("figures", {}) if isinstance(said, dict) else {}
