"""An urgent update behind a backlog of a million."""
import log
from row import row
from settings import email
from stage import Stage, boottime_us, until

BACKLOG, SEEDS = 1_000_000, 50


@row("urgent", "P22", seconds=500)
def urgent(it):
    """An urgent update leaves within 2 s of its release although a million other messages are waiting."""
    rounds = 20 if it.nightly else 5
    with Stage(it.folder, email(rate=1500), engine={"shutdown_seconds": 5}) as stage:
        stage.open()
        # Others in each round: nobody is sent many updates within an hour.
        rows = ["email,topics"] + [f"s{n:07}@round{r}.test,round{r}" for r in range(rounds) for n in range(SEEDS)]
        rows += [f"r{n:07}@kill.test,bulk" for n in range(1, BACKLOG + 1)]
        rows += [f"s{n:07}@last.test,last" for n in range(SEEDS)]
        stage.import_people(rows)
        began = boottime_us()
        stage.release(audience={"topics": ["bulk"]})
        until(lambda: len(stage.providers.records()) > 100, 60, "the backlog does not begin to leave", 0.05)
        until(lambda: stage.broadcast("residents_email")["planned"], 120, "the backlog is not written out", 0.1)
        it.shows("backlog", stage.broadcast("residents_email")["pending"], at_least=BACKLOG // 2)
        it.shows("planned_after_seconds", (boottime_us() - began) / 1e6)
        rounds_seen = [overtakes(stage, f"round{r}") for r in range(rounds)]
        it.shows("rounds", rounds)
        it.shows("first_message_p50_seconds", log.quantile([first for first, _ in rounds_seen], 0.5))
        it.shows("first_message_slowest_seconds", max(first for first, _ in rounds_seen), at_most=2)
        it.shows(f"all_{SEEDS}_slowest_seconds", max(last for _, last in rounds_seen), at_most=10)
        # A million have to be looked at to find the few who asked for this topic.
        it.shows("first_message_of_a_rare_topic_seconds", overtakes(stage, "last")[0], at_most=5)
        it.counted(stage.watch)


def overtakes(stage, topic):
    """Seconds from the request to the first and to the last message of an urgent update."""
    update = stage.write(urgent=True, audience={"topics": [topic]})
    size, sent = stage.providers.size(), boottime_us()
    stage.send(update)

    def seen():
        return [r["t_us"] for r in log.effects(stage.providers.records(size)) if r["to"].endswith(f"@{topic}.test")]
    until(lambda: len(seen()) >= SEEDS, 60, "the urgent update does not leave", 0.05)
    times = seen()
    return (times[0] - sent) / 1e6, (times[-1] - sent) / 1e6
