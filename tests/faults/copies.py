"""A data directory that is a copy, an old one put back, or damaged: nothing leaves that should not."""
import json, os, shutil, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import log
from row import row
from settings import email, sms
from stage import Missed, Stage, boottime_us, until

WATCHED_SECONDS = 8


@row("clone", "P25", seconds=120, busy=False)
def clone(it):
    """A copied data directory started elsewhere, and an old one put back, send nothing until a person says so; then
    everybody is reached.
    """
    started_elsewhere(it)
    put_back(it)


def started_elsewhere(it):
    mail = email(rate=100, concurrency=8)
    with Stage(it.room(), mail) as stage:
        half_way(stage, mail)
        snapshot(stage, stage.store + "-copy")
        stage.kill()
        stage.store += "-copy"
        stage.configure()
        sends_nothing_unasked(it, stage, "elsewhere")
        stage.terminate()
        # What was sent after the copy was made is unknown to it: one more crash, as far as it can tell.
        stage.judge(it, duplicates=2 * mail.bound)


def put_back(it):
    mail = email(rate=100, concurrency=8)
    with Stage(it.room(), mail) as stage:
        half_way(stage, mail)
        snapshot(stage, stage.store + "-backup")
        before = len(log.effects(stage.providers.records()))
        stage.finish()
        stage.terminate()
        shutil.rmtree(stage.store)
        shutil.copytree(stage.store + "-backup", stage.store, ignore=shutil.ignore_patterns("*.sock"))
        sends_nothing_unasked(it, stage, "put_back")
        it.shows("put_back_sent_before_the_backup", before)


def half_way(stage, mail):
    stage.open()
    stage.populate(emails=mail.rate * 10)
    stage.release()
    until(lambda: len(stage.providers.records()) > mail.rate * 3, 30, "nothing is sent")


def snapshot(stage, path):
    """Everything as it stands on the disk at one moment."""
    stage.server.send_signal(19)  # SIGSTOP
    shutil.copytree(stage.store, path, ignore=shutil.ignore_patterns("*.sock"))
    stage.server.send_signal(18)  # SIGCONT


def sends_nothing_unasked(it, stage, name):
    size = stage.providers.size()
    stage.start()
    time.sleep(WATCHED_SECONDS)
    it.shows(f"{name}_watched_seconds", WATCHED_SECONDS)
    it.shows(f"{name}_sent_unasked", len(stage.providers.records(size)), equals=0)
    it.shows(f"{name}_says", (stage.queue("residents_email")["paused"] or {}).get("line", "nothing"))
    stage.call("POST", "/system/resume", {})
    stage.finish(60)


@row("corrupt", "P25", seconds=200, busy=False)
def corrupt(it):
    """One damaged byte anywhere in the database never sends anything wrong in silence: the program refuses to start, holds
    everything and says why, ends, says what it cannot do, or sends exactly what is right.
    """
    flips, people = (100, 400) if it.nightly else (12, 400)
    it.shows("flips_after_an_orderly_end", flips)
    it.shows("flips_after_a_crash", flips)
    wrong, endings = [], {}
    for end in (Stage.terminate, Stage.kill):
        gateway = Gateway()
        with gateway, Stage(it.room(), sms(rate=400, concurrency=8, providers=gateway), watched=False) as stage:
            stage.open()
            stage.populate(phones=people)
            stage.release()
            until(lambda: len(gateway.taken) > people // 3, 30, "nothing is sent")
            end(stage)
            before, files = list(gateway.taken), contents(stage.store)
            for _ in range(flips):
                gateway.taken[:] = []
                place = flip(it, stage.store, files)
                ending = ends_how(stage)
                endings[ending] = endings.get(ending, 0) + 1
                # A crash may repeat what was on its way.
                found = judge(before, gateway.taken, people, ending, 0 if end is Stage.terminate else stage.channels[0].bound)
                wrong += [f"{place}: {fault} (it ended: {ending})" for fault in found]
    for ending, many in sorted(endings.items()):
        it.shows(ending, many)
    it.shows("silent_wrong_sends", len(wrong), equals=0, why=wrong[:5])


def contents(folder):
    files = {}
    for name in os.listdir(folder):
        if not name.endswith(".sock"):
            with open(os.path.join(folder, name), "rb") as f:
                files[name] = f.read()
    return files


def flip(it, folder, files):
    """Puts every file back as it was, in place, but for one bit of the database or of its log."""
    damaged = it.rng.choices(*zip(*((name, len(files[name])) for name in ("oyez.db", "oyez.db-wal") if name in files)))[0]
    at, bit = it.rng.randrange(len(files[damaged])), it.rng.randrange(8)
    for name in os.listdir(folder):
        if name not in files:
            os.unlink(os.path.join(folder, name))
    for name, content in files.items():
        path = os.path.join(folder, name)
        with open(path, "r+b" if os.path.exists(path) else "wb") as f:
            f.write(content)
            f.truncate()
            if name == damaged:
                f.seek(at)
                f.write(bytes([content[at] ^ 1 << bit]))
    return f"{damaged}, byte {at}, bit {bit}"


def ends_how(stage):
    """Starts it and lets it go on as far as it does."""
    try:
        stage.start()
    except Missed:
        code = stage.server.poll()
        if code is None:
            stage.kill()
        return f"start_refused_with_{code}"
    limit = time.monotonic() + 10
    try:
        while time.monotonic() < limit:
            progress = stage.progress()
            if progress["finished"]:
                counts = progress["counts"]
                return "sent_to_the_end" if counts["accepted"] == counts["asked"] else "ended_and_says_what_failed"
            if progress["broadcasts"][0]["state"] == "held" or held(stage):
                return "holds_everything_and_says_why"
            time.sleep(0.05)
        return "says_it_is_not_done"
    except Exception:
        code = stage.server.poll()
        return "says_it_cannot" if code is None else f"ended_with_{code}"
    finally:
        if stage.server.poll() is None:
            stage.kill()


def held(stage):
    return next(c for c in stage.call("GET", "/channels")["data"] if c["name"] == stage.channels[0].name)["held"]


def judge(before, after, people, ending, may_repeat):
    """What reached somebody wrongly."""
    everybody, right = {f"+4479{n:08}" for n in range(1, people + 1)}, before[0][1]
    faults = [f"{to} got another text" for to, text in after if text != right]
    faults += [f"{to} is nobody's number" for to, _ in after if to not in everybody]
    reached = [to for to, _ in before + after]
    again = len(reached) - len(set(reached))
    faults += [f"{again} were reached twice"] * (again > may_repeat)
    faults += ["somebody was left out"] * (ending == "sent_to_the_end" and set(reached) != everybody)
    return faults


class Gateway:
    """A text-message provider that keeps every text, where the sandbox's log keeps its size."""

    smtp = 0

    def __init__(self, refuses=lambda to: None):
        """`refuses` gives the status for a number that is not taken; 0 cuts the connection."""
        taken = self.taken = []

        class Taking(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = refuses(body["to"])
                if status == 0:
                    self.close_connection = True
                    return
                if status is None:
                    taken.append((body["to"], body["text"]))
                answer = json.dumps({"id": f"g{len(taken)}"}).encode()
                self.send_response(status or 202)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.http = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
