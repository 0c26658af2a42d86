"""Messages that are too much for whoever handles them: one ends the program each time it is sent."""
import time

from copies import Gateway
from row import row
from settings import sms
from stage import Missed, Stage

MOST_RESTARTS = 8
ENDS_US, CUT, REFUSED = (f"+4479{n:08}" for n in (5_432, 12_345, 18_765))


@row("poison", "P20", seconds=420)
def poison(it):
    """Of 20,000 texts (at night 50,000) one ends the program whenever it is sent, one is never answered and one is refused: those three are put
    aside with their reasons, everybody else is served, and the program is started again no oftener than eight times.
    """
    people = 50_000 if it.nightly else 20_000

    def refuses(to):
        if to == ENDS_US:
            # As if the program had aborted over it: nothing it could do at that moment is done.
            stage.server.kill()
        return {ENDS_US: 0, CUT: 0, REFUSED: 400}.get(to)
    with Gateway(refuses) as gateway:
        texts = sms(rate=2000, concurrency=16, providers=gateway)
        stage = Stage(it.folder, texts, watched=False)
        with stage:
            stage.open()
            stage.populate(phones=people)
            stage.release()
            restarts = attend(stage)
            broadcast = stage.broadcast(texts.name)
            reached = [to for to, _ in gateway.taken]
            it.shows("recipients", broadcast["asked"], equals=people)
            it.shows("restarts", restarts, at_least=1, at_most=MOST_RESTARTS)
            it.shows("refused", broadcast["failed"], equals=1)
            # What was on its way beside it when the program ended may have been sent, too.
            it.shows("put_aside_as_unknown", broadcast["unknown"], at_least=2, at_most=2 + restarts * texts.bound)
            listed = {d["ordinal"] for d in stage.deliveries("unknown")}
            it.shows("listed_for_a_person", len(listed), equals=broadcast["unknown"])
            it.shows("accepted", broadcast["accepted"], equals=people - 1 - broadcast["unknown"])
            it.shows("reached", len(set(reached)), at_least=broadcast["accepted"])
            it.shows("reached_twice", len(reached) - len(set(reached)), equals=0)
            it.shows("end_code", stage.terminate()[0], equals=0)


def attend(stage):
    """Starts the program again whenever it has ended, as the machine's own supervisor would, until all is settled."""
    restarts, limit = 0, time.monotonic() + 360
    while time.monotonic() < limit and restarts <= MOST_RESTARTS:
        if stage.server.poll() is not None:
            stage.start()
            restarts += 1
        try:
            if stage.progress()["finished"]:
                return restarts
        except OSError:
            continue
        time.sleep(0.1)
    raise Missed(f"not settled after {restarts} restarts")
