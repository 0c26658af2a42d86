"""A provider that cuts the connection instead of answering: whether it took the message nobody can know, and oyez does not guess."""
import log
from row import row
from settings import hooks, sms
from stage import Missed, Stage

SHARE, MANY = 0.01, 50_000
# Partners know our key again; of the texts of two gateways one has taken them, the other has not.
KEYED, TAKEN, UNTAKEN = (hooks(rate=1500, concurrency=32), sms("residents_sms", rate=1500, concurrency=32),
                         sms("second_sms", rate=1500, concurrency=32))


@row("accept_then_drop", "P11", seconds=400)
def accept_then_drop(it):
    """What may have been sent is never guessed about: where the receiver knows our key it is sent again and seen once; where
    nothing can tell, each one is listed as unknown and none is sent again until a person decides for all at once.
    """
    dropped = {"when": {"fraction": SHARE}, "times_each": 1}
    silent = {"receipts": [{"outcome": "none"}]}
    with Stage(it.folder, KEYED, TAKEN, UNTAKEN) as stage:
        stage.open({"partners": {"rules": [{**dropped, "do": "drop_after_effect"}]},
                    "residents_sms": {"rules": [{**dropped, "do": "drop_after_effect"}], **silent},
                    "second_sms": {"rules": [{**dropped, "do": "drop_before_effect"}], **silent}})
        stage.populate(phones=MANY, partners=MANY)
        stage.recipients += MANY
        stage.release()
        stage.finish(300)
        it.shows("recipients_of_each_channel", MANY)
        keyed(it, stage)
        for channel in (TAKEN, UNTAKEN):
            held(it, stage, channel.name)
        decided(it, stage)
        stage.terminate()
        stage.judge(it)


def keyed(it, stage):
    raw, cut = seen(stage, "partners")
    broadcast = stage.broadcast("partners")
    it.shows("keyed_dropped", len(cut), at_least=int(MANY * SHARE * 0.7), at_most=int(MANY * SHARE * 1.3))
    it.shows("keyed_requests", len(raw), equals=MANY + len(cut))
    it.shows("keyed_visible_duplicates", len(log.effects(raw)) - MANY, equals=0)
    it.shows("keyed_accepted", broadcast["accepted"], equals=MANY)


def held(it, stage, name):
    raw, cut = seen(stage, name)
    it.shows(f"{name}_dropped", len(cut), at_least=int(MANY * SHARE * 0.7), at_most=int(MANY * SHARE * 1.3))
    it.shows(f"{name}_requests", len(raw), equals=MANY)
    it.shows(f"{name}_unknown", stage.broadcast(name)["unknown"], equals=len(cut))
    listed = [d for d in stage.deliveries("unknown") if d["channel"] == name]
    it.shows(f"{name}_listed", len({d["ordinal"] for d in listed}), equals=len(cut))


def decided(it, stage):
    """A person knows better: one gateway has them all, the other none."""
    before = {channel.name: seen(stage, channel.name) for channel in (TAKEN, UNTAKEN)}
    for decision, channel in (("was-sent", TAKEN), ("send-again", UNTAKEN)):
        code, printed, said = stage.oyez("unknown", "decide", decision, "--channel", channel.name, "--yes")
        if code:
            raise Missed(f"unknown decide ended with {code}: {said}")
        it.shows(f"{decision}_decided_at_once".replace("-", "_"), printed["decided"], equals=len(before[channel.name][1]))
    stage.finish(60)
    it.shows("was_sent_requests_more", len(seen(stage, TAKEN.name)[0]) - len(before[TAKEN.name][0]), equals=0)
    it.shows("send_again_requests_more", len(seen(stage, UNTAKEN.name)[0]) - len(before[UNTAKEN.name][0]),
             equals=len(before[UNTAKEN.name][1]))


def seen(stage, channel):
    """All requests of a channel, and those that were cut."""
    raw = [r for r in stage.providers.records() if r["channel"] == channel]
    return raw, [r for r in raw if r["reply"] == "dropped"]
