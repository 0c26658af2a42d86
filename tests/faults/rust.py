"""Promises that are shown by tests of the Rust code: a row runs them and takes over what they print."""
import json, re, subprocess

from row import row
from stage import ENVIRONMENT, TOP, Missed

# Their names, so that their tests are built before anything is measured.
RUST = []


def rust(name, promise, tests, seconds=120):
    """A row that runs the tests of a nextest filter; `figures` of each JSON object that they print become the row's.

    At night OYEZ_TEST_NIGHTLY is set, for more rounds.
    """
    RUST.append(name)

    @row(name, promise, seconds, busy=False)
    def show(it):
        environment = {**ENVIRONMENT, "OYEZ_TEST_NIGHTLY": "1"} if it.nightly else ENVIRONMENT
        done = subprocess.run(["cargo", "nextest", "run", "--workspace", "--locked", "--no-capture", "--color", "never",
                               "-E", tests], cwd=TOP, env=environment, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            it.figures.update(figures(line))
        passed = re.search(r"(\d+) passed", done.stderr)
        it.shows("tests", int(passed[1]) if passed else 0, at_least=1)
        if done.returncode:
            raise Missed(f"nextest ended with {done.returncode}: {done.stderr[-1500:]}")


def figures(line):
    """The figures in a line that a test printed, if it has any."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said.get("figures", {}) if isinstance(said, dict) else {}
