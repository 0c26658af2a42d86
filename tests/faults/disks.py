"""A disk that says no: an fsync that fails, or no space left, while messages leave."""
import errno, json, os, signal, subprocess, time

import log
from mounts import Mounts
from row import Skip, row
from settings import email, sms
from stage import TOOLS, Missed, Stage, boottime_us, until

STORAGE_FAILED = 74


@row("fsync", "P4", seconds=300)
def fsync(it):
    """An fsync that fails is the end of the program (exit 74 within 1 s), never something to go on after; the next start
    recovers, and nobody is lost.
    """
    errors = 500 if it.nightly else 50
    mail, texts = email(rate=500, concurrency=16), sms(rate=60)
    with Stage(it.folder, mail, texts) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(emails=errors * 600, phones=errors * 60)
        stage.release()
        codes, delays, restarts = [], [], []
        for k in range(1, errors + 1):
            begin = stage.providers.size()
            until(lambda: stage.providers.size() > begin, 30, "nothing is sent after a start")
            code, delay = fail_fsync(it, stage, (k - 1) % 50 + 1)
            codes.append(code)
            delays.append(delay)
            restarts.append(stage.start())
        stage.finish()
        stage.terminate()
        it.shows("errors", errors)
        it.shows("ends_with_another_code_than_74", sum(code != STORAGE_FAILED for code in codes), equals=0, why=codes)
        it.shows("slowest_end_seconds", max(delays), at_most=1.0)
        found = stage.providers.records()
        copies = log.copies(found, [at - 100_000 for at in restarts], slack_us=2_000_000)
        it.shows("most_copies", copies["most"])
        verdict = stage.verify()
        stage.judge(it, duplicates=verdict["duplicate_bound"], unknown=errors * (texts.bound + texts.concurrency), verdict=verdict)
        it.shows("duplicate_bound", verdict["duplicate_bound"], at_most=errors * (mail.bound + texts.bound))


def fail_fsync(it, stage, k):
    """Makes the k-th fsync of some thread fail from here on; returns exit code and seconds from the error to the end."""
    trace = os.path.join(it.folder, "strace.txt")
    inject = f"inject=fsync,fdatasync:error=EIO:when={k}"
    strace = subprocess.Popen(
        [os.path.join(TOOLS, "strace"), "-f", "-ttt", "-e", "trace=fsync,fdatasync", "-e", inject, "-o", trace,
         "-p", str(stage.server.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        code = stage.server.wait(30)
        ended = time.time()
    except subprocess.TimeoutExpired:
        raise Missed(f"it goes on after fsync {k} failed")
    finally:
        if strace.poll() is None:
            strace.send_signal(signal.SIGINT)
        _, said = strace.communicate()
    with open(trace) as f:
        failed = [float(line.split()[1]) for line in f if "(INJECTED)" in line]
    if not failed:
        if "Operation not permitted" in said:
            raise Skip("strace may not attach to a running program here")
        raise Missed(f"no fsync failed: {said}")
    return code, ended - failed[0]


@row("disk_full", "P5", seconds=400)
def disk_full(it):
    """A full disk loses nothing that was acknowledged and sends nothing that was not announced: submissions get 507 with
    Retry-After, readiness is red, and all goes on by itself within 10 s of space.
    """
    people, full_seconds, mail = 200_000, 15, email(rate=3000)
    os.mkdir(os.path.join(it.folder, "store"))
    with SmallDisk(os.path.join(it.folder, "store")) as disk, Stage(it.folder, mail) as stage:
        stage.prefix = disk.prefix
        stage.open()
        for first in range(1, people, 20_000):
            stage.populate(emails=20_000, first=first)
        stage.release()
        until(lambda: stage.broadcast("residents_email")["accepted"] > people * 0.3, 120, "the update does not get on", 0.05)
        it.shows("disk_mib", SmallDisk.MIB)
        disk.fill()
        began, answers = time.monotonic(), []
        while time.monotonic() - began < full_seconds:
            disk.fill()
            if stage.server.poll() is not None:
                raise Missed(f"it ended with {stage.server.returncode} when the disk was full")
            status, headers, text = stage.ask("POST", "/incidents", {"title": "While full"}, seconds=20)
            answers.append((status, headers["Retry-After"], text, stage.page("/readyz")[0]))
            time.sleep(0.5)
        refused = [(status, wait, red) for status, wait, _, red in answers[len(answers) // 2:]]
        it.shows("seconds_full", full_seconds)
        it.shows("submissions_refused_with_507", sum(status == 507 and bool(wait) for status, wait, _ in refused),
                 equals=len(refused), why=refused[:3])
        it.shows("readiness_red", sum(red != 200 for *_, red in refused), equals=len(refused))
        disk.free()
        freed = boottime_us()
        stage.finish(240)
        known = {incident["id"] for incident in stage.call("GET", "/incidents")["data"]}
        taken = {json.loads(text)["id"] for status, _, text, _ in answers if status == 201}
        it.shows("acknowledged_and_gone", len(taken - known), equals=0)
        stage.terminate()
        sent = [r["t_us"] for r in log.effects(stage.providers.records())]
        it.shows("went_on_after_seconds", min((t - freed for t in sent if t > freed), default=float("inf")) / 1e6, at_most=10)
        stage.judge(it)


class SmallDisk(Mounts):
    """A tmpfs of its own at a path."""

    MIB = 64

    def __init__(self, path):
        super().__init__(f"mount -t tmpfs -o size={self.MIB}m,mode=700 none '{path}'")
        self.filler = f"{self.root}{path}/filler"

    def fill(self):
        """Takes whatever space is left."""
        with open(self.filler, "ab", buffering=0) as f:
            try:
                while f.write(b"\0" * 65536) == 65536:
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self):
        os.unlink(self.filler)
