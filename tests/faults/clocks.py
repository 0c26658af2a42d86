"""A wall clock that jumps: by an hour, a day, ten years, and back."""
import email.utils, os, time

import log, settings
from outages import fullest_allowed
from row import Skip, row
from stage import TOOLS, Stage, until

STEPS = ("+3600", "-3600", "+86400", "-86400", "+315360000", "+0")
STEP_SECONDS = 4


@row("clock", "P13", seconds=150, busy=False)
def clock(it):
    """A wall clock that jumps by an hour, a day or ten years, forward or back, lets nothing expire, stops nothing and makes
    nothing faster.
    """
    faketime = os.path.join(TOOLS, "libfaketime")
    if not os.path.exists(faketime):
        raise Skip("libfaketime could not be had")
    mail, texts = settings.email(rate=60, concurrency=8), settings.sms(rate=30)
    shift = os.path.join(it.folder, "shift")
    with Stage(it.folder, mail, texts, engine={"useful_seconds": 43_200}) as stage:
        jump(shift, "+0")
        stage.prefix = [faketime, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", f"FAKETIME_TIMESTAMP_FILE={shift}"]
        stage.configure()
        # Some texts are refused for now, so that retries wait across the jumps.
        stage.providers.start({"residents_sms": {"receipts": [{"outcome": "none"}], "rules": [
            {"when": {"number": {"every": 10, "rest": 1}}, "times_each": 1, "do": {"http": {"status": 503}}}]}})
        stage.start()
        # Commands need no other clock than everybody's.
        seconds = STEP_SECONDS * (len(STEPS) + 1)
        stage.populate(emails=mail.rate * seconds, phones=texts.rate * seconds)
        stage.release()
        until(lambda: stage.providers.size() > 0, 30, "nothing is sent")
        shown = []
        for step in STEPS:
            time.sleep(STEP_SECONDS)
            jump(shift, step)
            shown.append(round(shown_shift(stage)))
        if shown[4] < 300_000_000:
            raise Skip("libfaketime does not move this program's clock")
        stage.finish(90)
        counts = [stage.broadcast(channel.name) for channel in (mail, texts)]
        stage.terminate()
        it.shows("jumps", len(STEPS))
        it.shows("largest_jump_seconds", max(shown))
        with open(stage.said) as said:
            it.shows("jumps_told", sum("jumped" in line for line in said), at_least=1)
        it.shows("expired", sum(b["expired"] for b in counts), equals=0)
        it.shows("failed", sum(b["failed"] for b in counts), equals=0)
        for channel in (mail, texts):
            times = [r["t_us"] for r in log.effects(stage.providers.records(), channel.name)]
            gaps = [(b - a) / 1e6 for a, b in zip(times, times[1:])]
            it.shows(f"{channel.name}_fullest_second", log.most_in_a_second(times), at_most=fullest_allowed(channel.rate))
            it.shows(f"{channel.name}_longest_gap_seconds", max(gaps), at_most=5)
        stage.judge(it)


def jump(path, shift):
    with open(path + ".new", "w") as f:
        f.write(shift)
    os.replace(path + ".new", path)


def shown_shift(stage):
    """How far the machine's wall clock, as the server is shown it, is ahead of ours, in seconds."""
    _, headers, _ = stage.ask("GET", "/queue")
    return email.utils.parsedate_to_datetime(headers["Date"]).timestamp() - time.time()
