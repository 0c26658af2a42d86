"""What a screen shows while the program is killed and ended under it."""
import time

from row import row
from settings import email, sms
from stage import Stage, until
from watch import Watch


@row("screen", "P36", seconds=90, busy=False)
def screen(it):
    """What the screen says is true at every moment, through crashes, ends and receipts: the parts add up to the audience and
    nobody who was accepted is taken back.
    """
    rounds = 60 if it.nightly else 6
    mail, texts = email(rate=200, concurrency=16), sms(rate=60, receipts=True)
    with Stage(it.folder, mail, texts) as stage:
        stage.watch = Watch(stage, 0.03)
        stage.open({"residents_sms": {"receipt_token": stage.token, "receipts": [
            {"number": {"every": 5}, "outcome": "undelivered"}, {"duplicate": 0.3, "reorder": 0.3}]}})
        stage.populate(emails=rounds * mail.rate * 2, phones=rounds * texts.rate)
        stage.release()
        kills = 0
        for n in range(rounds):
            begin = stage.providers.size()
            until(lambda: stage.providers.size() > begin, 30, "nothing is sent after a start")
            time.sleep(it.rng.uniform(0.2, 1.0))
            if n % 3 < 2:
                stage.kill()
                kills += 1
            else:
                stage.terminate()
            stage.start()
        stage.finish(120)
        time.sleep(2)
        stage.watch.stop()
        stage.terminate()
        it.shows("kills", kills)
        it.shows("orderly_ends", rounds - kills)
        stage.judge(it, duplicates=kills * mail.bound, unknown=kills * 2 * texts.concurrency)
        it.shows("count_samples", it.figures["count_samples"], at_least=rounds * 20)
