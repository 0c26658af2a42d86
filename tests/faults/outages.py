"""A provider that is down, too busy, slow, or does not know our password: its channel waits, nobody else notices."""
import math, time

import log
from row import row
from settings import email, sms
from stage import Missed, Providers, Stage, boottime_us, until

# Whoever is charged an attempt has failed: no figure shows a charge more plainly.
ONE_ATTEMPT = "retry = { max_attempts = 1, base_milliseconds = 500, cap_milliseconds = 2000 }"
BASELINE_SHARE = 0.95


@row("provider_down", "P8", seconds=240, busy=False)
def provider_down(it):
    """A provider that is down costs no recipient an attempt; its channel goes on by itself within 20 s of its recovery, no
    faster than its limit, and other channels do not notice.
    """
    half = 300 if it.nightly else 30
    texts_at = Providers(it.folder, "texts")
    texts, mail = sms(rate=60, retry=ONE_ATTEMPT, providers=texts_at), email(rate=50, concurrency=8)
    with Stage(it.folder, mail, texts) as stage, texts_at:
        texts_at.start()
        stage.open()
        stage.populate(emails=mail.rate * (2 * half + 25), phones=texts.rate * 40)
        stage.release()
        until(lambda: len(log.effects(texts_at.records())) >= 8 * texts.rate, 60, "no texts leave")
        began = boottime_us()
        texts_at.outage()
        sleep_until(began + half * 1_000_000)
        # The machine is back, its service not yet.
        texts_at.start({"*": {"rules": [{"when": {"to_ms": half * 1000}, "do": {"http": {"status": 503}}}]}})
        back = boottime_us() + half * 1_000_000
        stage.finish(2 * half + 120)
        charged = stage.broadcast("residents_sms")["failed"]
        stage.terminate()
        found = texts_at.records()
        sent = [r["t_us"] for r in log.effects(found)]
        it.shows("outage_seconds", 2 * half)
        it.shows("attempts_charged", charged, equals=0)
        it.shows("resumed_after_seconds", after(sent, back), at_most=20)
        it.shows("fullest_second", log.most_in_a_second(sent), at_most=fullest_allowed(texts.rate))
        it.shows("tries_answered_503", sum(r["reply"] == "503" for r in found))
        unaffected(it, stage, mail, began, back)
        # What was on the wire when the machine went may have been sent.
        stage.judge(it, unknown=texts.concurrency, verdict=stage.verify(stage.providers.log, texts_at.log))


@row("throttled", "P10", seconds=120, busy=False)
def throttled(it):
    """A provider's Retry-After is kept to the letter: of the requests on their way at most C more arrive, then none until it
    is over, and nobody is charged an attempt.
    """
    # Replies take their time, so that all of C is on its way when the first refusal comes.
    wait, latency_ms, texts = 20, 100, sms(rate=100, retry=ONE_ATTEMPT)
    busy = {"when": {"since": "first_request", "from_ms": 3000, "to_ms": 3000 + wait * 1000}, "latency_ms": latency_ms,
            "do": {"http": {"status": 429, "retry_after": str(wait)}}}
    with Stage(it.folder, texts) as stage:
        stage.open({"residents_sms": {"rules": [busy, {"latency_ms": latency_ms}],
                                      "receipts": [{"outcome": "none"}]}})
        stage.populate(phones=texts.rate * 10)
        stage.release()
        stage.finish(wait + 60)
        charged = stage.broadcast("residents_sms")["failed"]
        stage.terminate()
        found = stage.providers.records()
        first = next(n for n, r in enumerate(found) if r["reply"] == "429")
        rest = [(r["t_us"] - found[first]["t_us"]) / 1e6 for r in found[first + 1:]]
        it.shows("retry_after_seconds", wait)
        it.shows("further_hits", sum(t < wait - 0.1 for t in rest), at_most=texts.concurrency)
        it.shows("last_of_them_after_seconds", max((t for t in rest if t < wait - 0.1), default=0.0), at_most=1.0)
        it.shows("next_hit_after_seconds", min((t for t in rest if t >= wait - 0.1), default=None), at_most=wait + 20)
        it.shows("attempts_charged", charged, equals=0)
        stage.judge(it)


@row("credentials", "P26", seconds=150, busy=False)
def credentials(it):
    """A provider that refuses our password after 5,000 requests stops its channel after at most C + 1 more; nobody is charged,
    the queue says so within 5 s, and once it is repaired everybody is reached, once.
    """
    texts, good, people, quiet_seconds = sms(rate=500, concurrency=16, retry=ONE_ATTEMPT), 5000, 8000, 5
    refusing = {"when": {"after": good}, "latency_ms": 20, "do": {"http": {"status": 401}}}
    script = {"rules": [{"latency_ms": 20}], "receipts": [{"outcome": "none"}]}
    with Stage(it.folder, texts) as stage:
        stage.open({"residents_sms": {**script, "rules": [refusing, *script["rules"]]}})
        stage.populate(phones=people)
        stage.release()
        until(lambda: replies(stage, "401"), 60, "the provider never refused", 0.02)
        began = time.monotonic()
        until(lambda: (stage.queue("residents_sms")["paused"] or {}).get("reason"), 30, "the queue says nothing", 0.02)
        said = time.monotonic() - began
        reason = stage.queue("residents_sms")["paused"]["reason"]
        # A pause has no end of its own: nothing may follow however long one looks.
        time.sleep(quiet_seconds)
        affected = len(replies(stage, "401"))
        before = sum(r["reply"] == "202" for r in stage.providers.records())
        stage.providers.stop()
        stage.providers.start({"residents_sms": script})
        stage.call("POST", "/channels/residents_sms/resume", {})
        stage.finish(60)
        charged = stage.broadcast("residents_sms")["failed"]
        stage.terminate()
        it.shows("accepted_before", before, equals=good)
        it.shows("affected", affected, at_most=texts.concurrency + 1)
        it.shows("said_after_seconds", said, at_most=5)
        it.shows("said", reason)
        it.shows("attempts_charged", charged, equals=0)
        stage.judge(it)


@row("slow_provider", "P9", seconds=240, busy=False)
def slow_provider(it):
    """A provider that takes 30 s to answer keeps its C requests busy and nothing else: no memory grows, no other channel is
    slower, and nobody is called unknown.
    """
    latency, rounds = 30, 3
    texts, mail = sms(rate=100, concurrency=16, timeout=60), email(rate=50, concurrency=8)
    with Stage(it.folder, mail, texts) as stage:
        stage.open({"residents_sms": {"rules": [{"latency_ms": latency * 1000}], "receipts": [{"outcome": "none"}]}})
        stage.populate(emails=mail.rate * (rounds * latency - 5), phones=texts.concurrency * rounds)
        stage.release()
        began = boottime_us()
        time.sleep(10)
        memory = [resident_mib(stage.server)]
        while not stage.progress()["finished"]:
            memory.append(resident_mib(stage.server))
            if boottime_us() - began > rounds * latency * 1.5e6:
                raise Missed("the texts do not come to an end")
            time.sleep(0.25)
        ended = boottime_us()
        stage.terminate()
        first = log.effects(stage.providers.records(), "residents_sms")[0]["t_us"]
        expected = texts.concurrency / latency
        it.shows("texts_per_second", texts.concurrency * rounds / (ended - first) * 1e6, at_least=expected * 0.9,
                 at_most=expected * 1.1)
        it.shows("memory_grew_by_mib", max(memory) - memory[0], at_most=20)
        unaffected(it, stage, mail, began + 1_000_000, began + (rounds * latency - 10) * 1_000_000)
        stage.judge(it)


def unaffected(it, stage, channel, begin, end):
    """A channel beside the faulty one goes on as fast as its limit says."""
    times = [r["t_us"] for r in log.effects(stage.providers.records(), channel.name)]
    share = sum(begin <= t < end for t in times) / (channel.rate * (end - begin) / 1e6)
    it.shows("other_channel_share_of_its_rate", share, at_least=BASELINE_SHARE)


def fullest_allowed(rate):
    """Messages that arrive in any one second: the limit, the declared burst, and 50 ms of lateness on a busy machine."""
    return rate + 2 * max(1, math.ceil(rate / 20))


def after(times, moment):
    """Seconds from a moment to the first of the times after it."""
    return min((t - moment for t in times if t > moment), default=float("inf")) / 1e6


def replies(stage, reply):
    return [r for r in stage.providers.records() if r["reply"] == reply]


def resident_mib(process):
    with open(f"/proc/{process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def sleep_until(at_us):
    time.sleep(max(0, at_us - boottime_us()) / 1e6)
