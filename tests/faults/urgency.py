"""An urgent update behind a backlog of a million."""
import log
from row import row
from settings import email
from stage import Stage, boottime_us, until

BACKLOG, SEEDS = 1_000_000, 50


@row("urgent", "An urgent update leaves within 2 s of its release although a million other messages are waiting.", seconds=420)
def urgent(it):
    rounds = 20 if it.nightly else 5
    with Stage(it.folder, email(rate=1500), engine={"shutdown_seconds": 5}) as stage:
        stage.open()
        rows = ["email,topics"] + [f"r{n:07}@kill.test,bulk" for n in range(1, BACKLOG + 1)]
        # Others in each round: nobody is sent many updates within an hour.
        rows += [f"s{n:07}@round{r}.test,round{r}" for r in range(rounds) for n in range(1, SEEDS + 1)]
        stage.import_people(rows)
        began = boottime_us()
        stage.release(audience={"topics": ["bulk"]})
        until(lambda: len(stage.providers.records()) > 100, 60, "the backlog does not begin to leave", 0.05)
        until(lambda: stage.broadcast("residents_email")["planned"], 120, "the backlog is not written out", 0.1)
        it.shows("backlog", stage.broadcast("residents_email")["pending"], at_least=BACKLOG // 2)
        it.shows("planned_after_seconds", (boottime_us() - began) / 1e6)
        answers, firsts, lasts = [], [], []
        for r in range(rounds):
            update = stage.write(urgent=True, audience={"topics": [f"round{r}"]})
            size, sent = stage.providers.size(), boottime_us()
            stage.send(update)
            answers.append((boottime_us() - sent) / 1e6)

            def seeds(address=f"@round{r}.test"):
                return [r["t_us"] for r in log.effects(stage.providers.records(size)) if r["to"].endswith(address)]
            until(lambda: len(seeds()) >= SEEDS, 60, "the urgent update does not leave", 0.05)
            firsts.append((seeds()[0] - sent) / 1e6)
            lasts.append((seeds()[-1] - sent) / 1e6)
        it.shows("rounds", rounds)
        it.shows("release_answered_p50_seconds", log.quantile(answers, 0.5))
        it.shows("first_message_p50_seconds", log.quantile(firsts, 0.5))
        it.shows("first_message_slowest_seconds", max(firsts), at_most=2)
        it.shows(f"all_{SEEDS}_slowest_seconds", max(lasts), at_most=10)
        it.counted(stage.watch)
