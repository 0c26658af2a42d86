"""What a row is: promises by number and in plain words, how it is shown, and what it showed."""
import os, random, shutil

from promises import PROMISES

ROWS = {}


class Skip(Exception):
    """The row cannot be had on this machine, and why."""


class Row:
    """One promise and the function that shows it."""

    def __init__(self, name, promises, promise, show, seconds, busy):
        self.name, self.promises, self.promise = name, promises, promise
        self.show, self.seconds, self.busy = show, seconds, busy


def row(name, promises, seconds, busy=True):
    """Registers a function as a row that takes at most so many seconds (twelve times as many at night).

    `promises` are the numbers of those that it shows, as promises.py lists them; what it shows stands in its docstring. A busy
    row wants the machine for itself; another mostly waits, so that a few of them share it.
    """
    numbers = promises.split()
    if not numbers or any(number not in PROMISES for number in numbers):
        raise ValueError(f"the row {name} has to name promises of promises.py, not {promises!r}")

    def register(show):
        ROWS[name] = Row(name, numbers, " ".join(show.__doc__.split()), show, seconds, busy)
        return show
    return register


class It:
    """One run of a row: its seed, its folder, and the figures with their bounds."""

    def __init__(self, name, seed, folder, nightly=False):
        self.name, self.seed, self.folder, self.nightly = name, seed, folder, nightly
        self.rng = random.Random(seed)
        self.figures, self.bounds, self.missed, self.rooms = {}, {}, [], 0

    def room(self):
        """A fresh folder below this row's; the one before goes unless something was missed by then."""
        if self.rooms and not self.missed:
            shutil.rmtree(os.path.join(self.folder, str(self.rooms)))
        self.rooms += 1
        path = os.path.join(self.folder, str(self.rooms))
        os.mkdir(path)
        return path

    def shows(self, figure, value, equals=None, at_most=None, at_least=None, why=None):
        """Keeps a figure; one outside its bounds fails the row."""
        self.figures[figure] = round(value, 3) if isinstance(value, float) else value
        bounds = [("must be", equals, lambda bound: value == bound), ("at most", at_most, lambda bound: value <= bound),
                  ("at least", at_least, lambda bound: value >= bound)]
        for word, bound, holds in bounds:
            if bound is None:
                continue
            self.bounds[figure] = f"{word} {bound}"
            if value is None or not holds(bound):
                self.missed.append(f"{figure} is {value}, {word} {bound}{f': {why}' if why else ''}")

    def counted(self, watch):
        """The counts on screen, sampled all through the row."""
        watch.stop()
        samples = self.figures.get("count_samples", 0) + watch.samples
        untrue = self.figures.get("untrue_counts", 0) + len(watch.untrue)
        self.figures["count_samples"] = samples
        self.shows("untrue_counts", untrue, equals=0, why=watch.untrue[:5])
