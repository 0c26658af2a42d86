"""Two providers of one channel: one dies in the middle of a broadcast, and the other goes on."""
import log
from row import row
from settings import SMS, Channel
from stage import Providers, Stage, boottime_us, until

TWO = SMS.replace("on_unknown", 'failover = ["sms_http", "kannel"]\non_unknown', 1) + """
[channels.$name.via.kannel]
url = "http://$host:$second/${name}_kannel/kannel/cgi-bin/sendsms"
username = "oyez"
password = "made-up-gateway-password"
from = "WCCouncil"
callback_url = "http://127.0.0.1:$port/callbacks/$name/kannel"
"""
PEOPLE = 20_000


@row("two_providers", "P33", seconds=400)
def two_providers(it):
    """Of two providers the first is killed after half of 20,000 texts: the second starts within 10 s, nobody is reached twice by
    the switch, what may have left through the first goes through no other, and when the first is back it leads again once it
    has kept up.
    """
    first, second = Providers(it.folder, "first"), Providers(it.folder, "second")
    texts = Channel(TWO, "residents_sms", rate=400, concurrency=16, providers=first, on_unknown="hold", timeout=5,
                    second=second.http)
    with Stage(it.folder, texts) as stage, first, second:
        quiet = {"residents_sms": {"receipts": [{"outcome": "none"}]}}
        first.start(quiet)
        second.start()
        stage.open()
        stage.populate(phones=PEOPLE)
        stage.release()
        until(lambda: sends(stage) == ["sms_http"], 10, "the first does not send")
        until(lambda: stage.broadcast("residents_sms")["accepted"] >= PEOPLE // 2, 200, "half does not leave", 0.02)
        killed = boottime_us()
        first.outage()
        until(second.size, 60, "the second never starts")
        until(lambda: stage.broadcast("residents_sms")["accepted"] >= PEOPLE * 3 // 5, 120, "it does not go on", 0.05)
        it.shows("in_use_while_the_first_is_down", ", ".join(sends(stage)), equals="kannel")
        before = log.effects(second.records())
        first.start(quiet)
        stage.finish(200)
        until(lambda: sends(stage) == ["sms_http"], 60, "the first never leads again", 0.1)
        until(lambda: stage.broadcast("residents_sms")["delivered"] > 0, 30, "the second's receipts do not count")
        stage.terminate()
        through_first, through_second = log.effects(first.records()), log.effects(second.records())
        both = {r["to"] for r in through_first} & {r["to"] for r in through_second}
        it.shows("through_the_first_before", sum(r["t_us"] <= killed for r in through_first), at_least=PEOPLE // 2)
        it.shows("second_starts_after_seconds", (before[0]["t_us"] - killed) / 1e6, at_most=10)
        it.shows("through_the_second_before", sum(r["t_us"] <= killed for r in through_second), equals=0)
        it.shows("through_the_second", len(through_second))
        it.shows("through_the_first_again", sum(r["t_us"] > before[-1]["t_us"] for r in through_first), at_least=1)
        it.shows("reached_through_both", len(both), equals=0)
        # What was on the wire when the first went may have been sent, and is left to a person.
        stage.judge(it, unknown=texts.concurrency, verdict=stage.verify(first.log, second.log))


def sends(stage):
    """The kinds that new texts are sent through."""
    return [p["kind"] for p in stage.queue("residents_sms")["providers"] if p["in_use"]]

