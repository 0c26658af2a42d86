"""A loop of kill -9 in the middle of sending, and what may follow from it."""
import random, time

import log
from row import row
from settings import FLUSH_SECONDS, email, hooks, sms
from stage import Missed, Stage, until

EMAIL, SMS, HOOKS = email(), sms(), hooks()
FIRST_SEND_SECONDS = 2


class KillLoop:
    """Email that is sent again, webhooks that the receiver knows again, texts that are held: killed while sending.

    All kills fall into the time that sending takes.
    """

    def __init__(self, folder, kills, recipients, seed):
        self.kills, self.emails, self.rng = kills, recipients, random.Random(seed)
        self.phones, self.partners = max(20, recipients // 10), max(10, recipients // 100)
        self.spread = recipients / EMAIL.rate / (kills + 1) * 0.7
        self.stage = Stage(folder, EMAIL, SMS, HOOKS)
        self.killed, self.started = [], []
        self.ended = self.verdict = self.holding = None

    def run(self):
        with self.stage as stage:
            stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
            stage.populate(self.emails, self.phones, self.partners)
            stage.release()
            for _ in range(self.kills):
                self.kill_while_sending()
                self.started.append(stage.start())
            stage.finish()
            self.holding = stage.broadcast("residents_sms")
            self.ended, _ = stage.terminate()
            self.verdict = stage.verify()

    def kill_while_sending(self):
        """Waits until this start has sent something, then a random while, then kills in mid-flow."""
        log_size = self.stage.providers.size
        begin = log_size()
        until(lambda: log_size() > begin, 30, "nothing is sent after a start")
        time.sleep(self.rng.uniform(0.0, self.spread))
        before = log_size()
        # A kill counts only when requests arrived within a moment before it.
        until(lambda: log_size() > before, 5, "sending has ended before every kill was done: raise --recipients")
        self.killed.append(self.stage.kill())

    def first_sends(self):
        """Seconds from each restart to the first message that reached somebody."""
        times = [r["t_us"] for r in log.effects(self.stage.providers.records())]
        after = [next((t for t in times if t > began), None) for began in self.started]
        return [(t - began) / 1e6 for t, began in zip(after, self.started) if t]

    def figures(self):
        """What is to be said of the loop, and whether it kept what it must."""
        found = log.copies(self.stage.providers.records(), self.killed)
        verdict, holding = self.verdict, self.holding
        # What is armed and not recorded at a kill: at most D without a durable outcome, and one window of C not begun.
        unknown_bound = self.kills * (SMS.bound + SMS.concurrency)
        copies = found["by_channel"]
        ok = [
            verdict["lost"] == 0, not verdict["violations"], self.ended == 0, found["unexplained"] == 0,
            found["thirds"] == 0, verdict["duplicates"] <= verdict["duplicate_bound"],
            verdict["recipients"] == self.emails + self.phones + self.partners,
            holding["unknown"] == verdict["unknown"], holding["unknown"] <= unknown_bound,
            copies.get("residents_sms", 0) == 0, copies.get("partners", 0) == 0,
            holding["accepted"] + holding["unknown"] == self.phones, not self.stage.watch.untrue,
        ]
        return {
            "kills": self.kills, "kills_while_sending": len(self.killed), "recipients": verdict["recipients"],
            "accepted": verdict["accepted"], "lost": verdict["lost"], "duplicates": verdict["duplicates"],
            "duplicate_bound": verdict["duplicate_bound"], "unknown": verdict["unknown"],
            "violations": verdict["violations"], "c": EMAIL.concurrency, "rate": EMAIL.rate,
            "tau_ms": int(FLUSH_SECONDS * 1000), "copies_by_channel": copies, "most_copies": found["most"],
            "copies_without_a_kill": found["unexplained"], "third_copies_from_one_kill": found["thirds"],
            "clean_end": self.ended == 0,
            "holding": {"asked": holding["asked"], "accepted": holding["accepted"], "unknown": holding["unknown"],
                        "unknown_bound": unknown_bound, "copies": copies.get("residents_sms", 0)},
        }, all(ok)


@row("kill", "P2", seconds=600)
def kill(it):
    """A crash in the middle of sending loses nobody; it can repeat at most D messages of a channel, never gives anybody
    three copies from one crash, and sending goes on within 2 s of the next start.
    """
    loops, kills, recipients = (50, 50, 50_000) if it.nightly else (5, 10, 50_000)
    waits, totals = [], {"lost": 0, "duplicates": 0, "duplicate_bound": 0, "unknown": 0}
    for n in range(loops):
        loop = KillLoop(it.room(), kills, recipients, it.rng.randrange(1 << 32))
        loop.run()
        figures, ok = loop.figures()
        for figure in totals:
            totals[figure] += figures[figure]
        waits += loop.first_sends()
        it.counted(loop.stage.watch)
        if not ok:
            it.missed.append(f"loop {n + 1} broke a bound: {figures}")
    it.shows("loops", loops)
    it.shows("kills", loops * kills)
    it.shows("recipients_each", recipients)
    it.shows("lost", totals["lost"], equals=0)
    it.shows("duplicates", totals["duplicates"], at_most=totals["duplicate_bound"])
    it.shows("duplicate_bound", totals["duplicate_bound"])
    it.shows("held_unknown", totals["unknown"])
    it.shows("first_send_p50_seconds", log.quantile(waits, 0.5))
    it.shows("first_send_p99_seconds", log.quantile(waits, 0.99))
    it.shows("first_send_most_seconds", max(waits, default=None), at_most=FIRST_SEND_SECONDS)
