"""SIGTERM in the middle of sending: an orderly end leaves nothing in doubt."""
import time

import log
from row import row
from settings import email, hooks, sms
from stage import Stage, until

SLOW_MS = 15_000
SHUTDOWN_SECONDS = 3


@row("sigterm", "P23", seconds=240, busy=False)
def sigterm(it):
    """SIGTERM while sending ends in good order, however often: exit code 0, nobody lost, nobody twice, nobody unknown; where
    replies take longer than a shutdown may, it still ends in time, and a second SIGTERM ends at once.
    """
    ends_in_good_order(it)
    ends_in_time(it)
    ends_at_once(it)


def ends_in_good_order(it):
    rounds = 500 if it.nightly else 50
    mail, texts, partners = email(rate=300, concurrency=64), sms(rate=60, concurrency=16), hooks(rate=60, concurrency=16)
    latency = {"rules": [{"latency_ms": 150}], "receipts": [{"outcome": "none"}]}
    with Stage(it.room(), mail, texts, partners) as stage:
        stage.open({"residents_email": latency, "residents_sms": latency, "partners": latency})
        stage.populate(emails=mail.rate * rounds, phones=30 * rounds, partners=30 * rounds)
        stage.release()
        codes, seconds = [], []
        for _ in range(rounds):
            begin = stage.providers.size()
            until(lambda: stage.providers.size() > begin, 30, "nothing is sent after a start")
            time.sleep(it.rng.uniform(0.0, 0.5))
            before = stage.providers.size()
            until(lambda: stage.providers.size() > before, 5, "sending has ended before every round was done")
            code, took = stage.terminate()
            codes.append(code)
            seconds.append(took)
            stage.start()
        stage.finish()
        code, _ = stage.terminate()
        it.shows("rounds", rounds)
        it.shows("ends_with_another_code_than_0", sum(c != 0 for c in [*codes, code]), equals=0, why=codes)
        it.shows("slowest_end_seconds", max(seconds), at_most=5)
        verdict = stage.judge(it)
        it.shows("duplicate_bound", verdict["duplicate_bound"], equals=0)


def ends_in_time(it):
    """Replies take longer than a shutdown may: what is on its way then is in doubt, and no more than that."""
    texts = sms(rate=100, concurrency=16)
    with Stage(it.room(), texts, engine={"shutdown_seconds": SHUTDOWN_SECONDS}) as stage:
        stage.open({"residents_sms": {"rules": [{"when": {"to_ms": 10_000}, "latency_ms": SLOW_MS}],
                                      "receipts": [{"outcome": "none"}]}})
        stage.populate(phones=400)
        stage.release()
        until(lambda: len(log.effects(stage.providers.records())) >= texts.concurrency, 20, "nothing is sent")
        _, took = stage.terminate()
        stage.start()
        # From here on the provider is quick.
        stage.finish(60)
        unknown = stage.broadcast("residents_sms")["unknown"]
        stage.terminate()
        verdict = stage.verify()
        it.shows("shutdown_seconds", SHUTDOWN_SECONDS)
        it.shows("slow_replies_end_seconds", took, at_most=SHUTDOWN_SECONDS + 2)
        it.shows("slow_replies_unknown", unknown, at_most=texts.concurrency)
        it.shows("slow_replies_lost", verdict["lost"], equals=0)
        it.shows("slow_replies_violations", len(verdict["violations"]), equals=0, why=verdict["violations"])


def ends_at_once(it):
    texts = sms(rate=100, concurrency=16)
    with Stage(it.room(), texts) as stage:
        stage.open({"residents_sms": {"rules": [{"latency_ms": SLOW_MS}], "receipts": [{"outcome": "none"}]}})
        stage.populate(phones=100)
        stage.release()
        until(lambda: log.effects(stage.providers.records()), 20, "nothing is sent")
        stage.server.terminate()
        time.sleep(0.5)
        it.shows("one_sigterm_waits", stage.server.poll() is None, equals=True)
        _, took = stage.terminate(5)
        it.shows("second_sigterm_end_seconds", took, at_most=0.5)
