"""A machine that loses its power: the files as a disk may hold them then, rebuilt from what the program wrote and synced."""
import os, re, shutil, sqlite3, time

import log
from row import row
from settings import email, sms
from stage import TOOLS, Stage, boottime_us, until

SECTOR = 512
LINE = re.compile(r"^(?P<thread>\d+) +(?P<at>[\d.]+) (?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\((?P<rest>.*))")
WRITE = re.compile(r'^\d+<(?P<path>[^>]+)>, "(?P<data>[^"]*)", \d+, (?P<offset>\d+)')
CUT = re.compile(r"^\d+<(?P<path>[^>]+)>, (?P<size>\d+)")
SYNC = re.compile(r"^\d+<(?P<path>[^>]+)>")


@row("power", "P3", seconds=240)
def power(it):
    """When the power fails the database is sound, whatever of the unsynced writes the disk has kept, and nothing had reached
    anybody whose sending was not on the disk.
    """
    wanted, people = (1000, 6000) if it.nightly else (200, 1200)
    with Stage(it.folder, email(rate=300, concurrency=16), sms(rate=30), watched=False) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(emails=people, phones=people // 10)
        stage.terminate()
        base, trace = os.path.join(it.folder, "base"), os.path.join(it.folder, "trace")
        shutil.copytree(stage.store, base)
        ahead_us = time.time() * 1e6 - boottime_us()
        run_traced(stage, trace)
        found = stage.providers.records()
        steps = read_trace(trace, ahead_us)
        syncs = [n for n, step in enumerate(steps) if step["kind"] == "sync" and step["at_us"] > found[0]["t_us"]]
        crashes = sorted(it.rng.sample(syncs, min(wanted, len(syncs))))
        unsound, violations = [], []
        for n in crashes:
            image = rebuild(it, base, steps[:n])
            unsound += faults(image)
            # The power fails just before this sync begins: whatever was sent until then had to be announced before.
            seen = os.path.join(it.folder, "seen.jsonl")
            log.write(seen, (r for r in found if r["t_us"] <= steps[n]["at_us"]))
            violations += stage.verify_copy(image, seen)["violations"]
            shutil.rmtree(image)
    it.shows("syncs", len(syncs))
    it.shows("images", len(crashes), at_least=wanted // 2)
    it.shows("unsound_databases", len(unsound), equals=0, why=unsound[:3])
    it.shows("violations", len(violations), equals=0, why=violations[:3])


def run_traced(stage, trace):
    """One whole release under strace, which writes down every byte and every sync."""
    stage.prefix = [os.path.join(TOOLS, "strace"), "-D", "-f", "-y", "-ttt", "-xx", "-s", "1000000", "--seccomp-bpf", "-o", trace,
                    "-e", "trace=pwrite64,ftruncate,fsync,fdatasync"]
    stage.start()
    stage.prefix = []
    stage.release()
    stage.finish(120)
    stage.terminate()

    def ended():
        with open(trace, "rb") as f:
            f.seek(max(0, os.path.getsize(trace) - 4096))
            return f"{stage.server.pid} ".encode() in f.read().rpartition(b"+++ exited")[0].splitlines()[-1:][0]
    until(ended, 20, "strace does not come to its end", 0.1)


def read_trace(path, ahead_us):
    """Writes, cuts and syncs in their order. A sync stands where it began; `done` is where it had come to its end."""
    steps, open_syncs = [], {}
    with open(path) as f:
        for line in f:
            found = LINE.match(line)
            if not found:
                continue
            if found["resumed"]:
                if found["thread"] in open_syncs:
                    open_syncs.pop(found["thread"])["done"] = len(steps)
                continue
            step = read_call(found["call"], found["rest"])
            step["at_us"] = float(found["at"]) * 1e6 - ahead_us
            steps.append(step)
            if step["kind"] == "sync":
                if "<unfinished" in line:
                    open_syncs[found["thread"]] = step
                else:
                    step["done"] = len(steps)
    return steps


def read_call(call, rest):
    shape = {"pwrite64": WRITE, "ftruncate": CUT}.get(call, SYNC)
    found = shape.match(rest).groupdict()
    step = {"kind": {WRITE: "write", CUT: "cut", SYNC: "sync"}[shape], "name": os.path.basename(plain(found["path"]).decode())}
    if "data" in found:
        step.update(offset=int(found["offset"]), data=plain(found["data"]))
    if "size" in found:
        step.update(size=int(found["size"]))
    return step


def plain(escaped):
    """Bytes from strace's \\x41\\x42."""
    return bytes.fromhex(escaped.replace("\\x", ""))


def rebuild(it, base, steps):
    """The directory as the disk may hold it: all that was synced, and of the rest what chance has kept."""
    image = os.path.join(it.folder, "image")
    shutil.copytree(base, image)
    synced = {}
    for at, step in enumerate(steps):
        if step["kind"] == "sync" and step.get("done", len(steps) + 1) <= len(steps):
            synced[step["name"]] = at
    kept_share = it.rng.random()
    for at, step in enumerate(steps):
        if step["kind"] == "sync" or not step["name"].startswith("oyez.db") or step["name"].endswith("-shm"):
            continue
        durable = at < synced.get(step["name"], -1)
        if durable or it.rng.random() < kept_share:
            apply(it, os.path.join(image, step["name"]), step, durable)
    return image


def apply(it, path, step, durable):
    with open(path, "r+b" if os.path.exists(path) else "w+b") as f:
        if step["kind"] == "cut":
            f.truncate(step["size"])
            return
        data = step["data"]
        if not durable and it.rng.random() < 0.25:
            # Torn: the first sectors only.
            data = data[:it.rng.randrange(len(data) // SECTOR + 1) * SECTOR]
        f.seek(step["offset"])
        f.write(data)


def faults(image):
    database = sqlite3.connect(os.path.join(image, "oyez.db"))
    try:
        said = [text for text, in database.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    finally:
        database.close()
    return [] if said == ["ok"] else said
