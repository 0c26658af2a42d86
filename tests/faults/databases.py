"""A database that somebody else holds: locked against writing, or read for so long that its log cannot be copied back."""
import os, sqlite3, threading, time

import log
from row import row
from settings import email, sms
from stage import Stage, boottime_us, until

MIB = 1024 * 1024


@row("locked", "P6", seconds=150, busy=False)
def locked(it):
    """While another program locks the database nothing new is announced, writes are answered 503 within 5 s, reads stay
    quick; afterwards everything goes on, nobody lost, nobody twice.
    """
    seconds = 30
    mail, texts = email(rate=300, concurrency=16), sms(rate=60)
    with Stage(it.folder, mail, texts) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(emails=6000, phones=1200)
        stage.release()
        until(lambda: len(stage.providers.records()) > 600, 30, "nothing is sent")
        writes, reads = [], []
        with outside(stage, "BEGIN IMMEDIATE") as database:
            began = boottime_us()
            asking = [threading.Thread(target=ask, args=(stage, *it_asks, began + seconds * 1_000_000), daemon=True)
                      for it_asks in (("POST", "/incidents", {"title": "While locked"}, writes),
                                      ("GET", "/updates", None, reads))]
            for thread in asking:
                thread.start()
            time.sleep(seconds)
            ended = boottime_us()
            database.execute("ROLLBACK")
        for thread in asking:
            thread.join(20)
        stage.finish(60)
        stage.terminate()
        times = [r["t_us"] for r in stage.providers.records()]
        # What a send may be ahead of the record by is D, here as at a crash.
        it.shows("locked_seconds", seconds)
        it.shows("sent_while_locked", sum(began < t < ended for t in times), at_most=mail.bound + texts.bound)
        it.shows("writes_tried", len(writes), at_least=3)
        it.shows("writes_not_answered_503", sum(status != 503 for status, _ in writes), equals=0, why=writes)
        it.shows("slowest_write_answered_seconds", max(took for _, took in writes), at_most=5.5)
        it.shows("reads_not_answered_200", sum(status != 200 for status, _ in reads), equals=0)
        it.shows("read_p99_seconds", log.quantile([took for _, took in reads], 0.99), at_most=0.2)
        it.shows("went_on_after_seconds", min(t - ended for t in times if t > ended) / 1e6, at_most=10)
        stage.judge(it)


def ask(stage, method, path, body, answers, end_us):
    while boottime_us() < end_us - 6_000_000:
        began = time.monotonic()
        status, _, _ = stage.ask(method, path, body, seconds=30)
        answers.append((status, time.monotonic() - began))
        time.sleep(0.05)


@row("wal", "P7", seconds=200)
def wal(it):
    """A reader that never ends cannot make the write-ahead log eat the disk: it stays below 256 MiB, somebody is told within
    10 s, and it is small again within 5 s of the reader's end.
    """
    seconds = 60 if it.nightly else 20
    with Stage(it.folder, email(rate=None, concurrency=64)) as stage:
        stage.open()
        stage.populate(emails=seconds * 12_000)
        stage.release()
        until(lambda: stage.providers.size() > 0, 30, "nothing is sent")
        most, alarm, before = 0, None, said(stage)
        with outside(stage, "BEGIN") as database:
            database.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            began, size = time.monotonic(), stage.providers.size()
            while time.monotonic() - began < seconds:
                most = max(most, wal_bytes(stage))
                if alarm is None and (stage.page("/readyz")[0] != 200 or said(stage) > before):
                    alarm = time.monotonic() - began
                time.sleep(0.1)
            sent = len(stage.providers.records(size))
            it.shows("still_sending_at_the_end", not stage.progress()["finished"])
            database.execute("ROLLBACK")
        ended = time.monotonic()
        until(lambda: wal_bytes(stage) <= 64 * MIB or time.monotonic() > ended + 30, 60, "")
        it.shows("reader_pinned_seconds", seconds)
        it.shows("sent_meanwhile_per_second", sent / seconds)
        it.shows("largest_log_mib", most / MIB, at_most=256)
        it.shows("told_after_seconds", alarm, at_most=10)
        it.shows("small_again_after_seconds", time.monotonic() - ended, at_most=5)
        stage.finish(300)
        stage.terminate()
        stage.judge(it)


class outside:
    """Another program with the database open and a transaction begun."""

    def __init__(self, stage, begin):
        self.database = sqlite3.connect(os.path.join(stage.store, "oyez.db"), isolation_level=None, timeout=20)
        self.database.execute(begin)

    def __enter__(self):
        return self.database

    def __exit__(self, *_):
        self.database.close()


def wal_bytes(stage):
    path = os.path.join(stage.store, "oyez.db-wal")
    return os.path.getsize(path) if os.path.exists(path) else 0


def said(stage):
    """How many warnings the server has given."""
    with open(stage.said) as f:
        return sum(" WARN " in line or " ERROR " in line for line in f)
