"""One partner borough whose receiver is wrong, gone, too busy or hangs, and two that must not notice."""
import time

import log
from row import row
from settings import hooks
from stage import Stage, boottime_us, until

UPDATES, PAUSE_SECONDS, PATIENCE_SECONDS = 12, 0.25, 2
FAULTY = "p00002"
FAULTS = {
    "none": None,
    "401": {"do": {"http": {"status": 401}}},
    "404": {"do": {"http": {"status": 404}}},
    "429": {"do": {"http": {"status": 429, "retry_after": "30"}}},
    "hanging": {"latency_ms": 60_000},
}


@row("partners", "P8 P9 P10 P26", seconds=150, busy=False)
def partners(it):
    """One partner of three that answers 401, 404 or 429, or hangs, keeps nobody else waiting: the other two get every update
    within 2 s, once.
    """
    it.shows("updates_each", UPDATES)
    for name, fault in FAULTS.items():
        delays, copies = one_fault(it, fault)
        it.shows(f"{name}_reached", len(delays), equals=2 * UPDATES)
        it.shows(f"{name}_slowest_seconds", max(delays, default=None), at_most=PATIENCE_SECONDS)
        it.shows(f"{name}_copies", copies, equals=0)


def one_fault(it, fault):
    """How long each update took to each of the two others, and the copies they got."""
    # Fewer requests at once than updates: a partner that hangs must not take them all.
    stage = Stage(it.room(), hooks(rate=None, concurrency=4), engine={"shutdown_seconds": 1}, watched=False)
    rules = [{"when": {"to": FAULTY}, **fault}] if fault else []
    with stage:
        stage.open({"partners": {"rules": rules}})
        stage.populate(partners=3)
        sent = []
        for _ in range(UPDATES):
            update = stage.write()
            sent.append(boottime_us())
            stage.send(update)
            time.sleep(PAUSE_SECONDS)

        def reached():
            return [r for r in log.effects(stage.providers.records()) if r["to"] != FAULTY]
        # What comes later than this has failed the row anyway.
        end = time.monotonic() + 2 * PATIENCE_SECONDS
        until(lambda: len(reached()) >= 2 * UPDATES or time.monotonic() > end, 60, "", 0.05)
        found = reached()
    times = {}
    for r in found:
        times.setdefault(r["to"], []).append(r["t_us"])
    delays = [(at - began) / 1e6 for seen in times.values() for began, at in zip(sent, sorted(seen))]
    return delays, len(found) - len({(r["to"], r["key"]) for r in found})
