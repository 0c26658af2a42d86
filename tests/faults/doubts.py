"""A provider that takes a message and cuts the connection before it says so: nobody can know, and oyez does not guess."""
import log
from row import row
from settings import hooks, sms
from stage import Stage

SHARE = 0.01


@row("accept_then_drop", "A message that was taken without an answer is never guessed about: where the receiver knows our key it is "
     "sent again and seen once; where nothing can tell, it is listed as unknown and not sent again.", seconds=300)
def accept_then_drop(it):
    many = 50_000
    partners, texts = hooks(rate=1500, concurrency=32), sms(rate=1500, concurrency=32)
    dropped = {"when": {"fraction": SHARE}, "times_each": 1, "do": "drop_after_effect"}
    with Stage(it.folder, partners, texts) as stage:
        stage.open({"partners": {"rules": [dropped]},
                    "residents_sms": {"rules": [dropped], "receipts": [{"outcome": "none"}]}})
        stage.populate(phones=many, partners=many)
        stage.release()
        stage.finish(240)
        known, held = stage.broadcast("partners"), stage.broadcast("residents_sms")
        listed = stage.deliveries("unknown")
        stage.terminate()
        found = stage.providers.records()
        raw = {name: [r for r in found if r["channel"] == name] for name in ("partners", "residents_sms")}
        cut = {name: [r for r in raw[name] if r["reply"] == "dropped"] for name in raw}
        it.shows("recipients_each", many)
        it.shows("keyed_dropped", len(cut["partners"]), at_least=many * SHARE * 0.7, at_most=many * SHARE * 1.3)
        it.shows("keyed_requests", len(raw["partners"]), equals=many + len(cut["partners"]))
        it.shows("keyed_visible_duplicates", len(log.effects(raw["partners"])) - many, equals=0)
        it.shows("keyed_unknown", known["unknown"], equals=0)
        it.shows("keyed_accepted", known["accepted"], equals=many)
        it.shows("held_dropped", len(cut["residents_sms"]), at_least=many * SHARE * 0.7, at_most=many * SHARE * 1.3)
        it.shows("held_requests", len(raw["residents_sms"]), equals=many)
        it.shows("held_unknown", held["unknown"], equals=len(cut["residents_sms"]))
        it.shows("held_listed", len({d["ordinal"] for d in listed}), equals=len(cut["residents_sms"]))
        stage.judge(it, unknown=len(cut["residents_sms"]))
