"""Receipts that come early, twice, in the wrong order, or from somebody else."""
import http.client, json, random
from concurrent.futures import ThreadPoolExecutor

from row import row
from settings import sms
from stage import Stage, until

MANY, FORGED = 1000, 1000


@row("receipts", "P30", seconds=120, busy=False)
def receipts(it):
    """Receipts that come before the provider's answer, twice or in the wrong order end in the states that the provider
    meant; 1,000 forged ones change nothing and send nothing.
    """
    script = {
        "receipt_token": Stage.token,
        # A reply that takes its time is overtaken by its own receipt.
        "rules": [{"when": {"fraction": 0.2}, "latency_ms": 200}],
        "receipts": [
            {"number": {"every": 10, "rest": 3}, "outcome": "none"},
            {"number": {"every": 5, "rest": 0}, "outcome": "undelivered", "duplicate": 0.3, "reorder": 0.3, "forged": 1},
            {"delay_ms": 0, "duplicate": 0.3, "reorder": 0.3, "reorder_ms": 500, "forged": 1},
        ]}
    silent = sum(n % 10 == 3 for n in range(1, MANY + 1))
    undelivered = sum(n % 5 == 0 for n in range(1, MANY + 1))
    with Stage(it.folder, sms(rate=100, concurrency=32, receipts=True)) as stage:
        stage.open({"residents_sms": script})
        stage.populate(phones=MANY)
        stage.release()
        stage.finish(60)
        reported = MANY - silent
        until(lambda: delivered(stage) + stage.broadcast("residents_sms")["undelivered"] >= reported, 30,
              "receipts are missing", 0.1)
        it.shows("delivered", delivered(stage), equals=reported - undelivered)
        it.shows("undelivered", stage.broadcast("residents_sms")["undelivered"], equals=undelivered)
        it.shows("deliveries_in_another_state_than_reported", misjudged(stage), equals=0)
        it.shows("forged_by_the_provider_played", reported)
        forge(it, stage)
        stage.terminate()
        stage.judge(it)


def forge(it, stage):
    """Posts receipts that nobody sent: a wrong token, no token, a reference that never was, one that is nearly right."""
    references = [r["key"] for r in stage.providers.records()]
    before, sends = stage.broadcast("residents_sms"), len(references)

    def one(n):
        rng = random.Random(it.seed + n)
        reference = rng.choice(references)
        kind = n % 4
        token = {0: "not-the-token", 1: None}.get(kind, Stage.token)
        if kind == 2:
            reference = f"forged-{n}"
        if kind == 3:
            at = rng.randrange(len(reference))
            reference = reference[:at] + rng.choice([c for c in "abcdefgh234567" if c != reference[at].lower()]) + reference[at + 1:]
        body = {"id": f"forged-{n}", "reference": reference, "status": rng.choice(["delivered", "failed"]), "error": "phone_off"}
        connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=30)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request("POST", "/callbacks/residents_sms", json.dumps(body), headers)
        status = connection.getresponse().status
        connection.close()
        return status
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(FORGED)))
    changing = ("accepted", "delivered", "undelivered", "failed", "unknown", "suppressed", "pending")
    now = stage.broadcast("residents_sms")
    it.shows("forged", len(answers), equals=FORGED)
    it.shows("forged_answered_5xx", sum(status >= 500 for status in answers), equals=0)
    it.shows("counts_that_forgeries_changed", sum(before[name] != now[name] for name in changing), equals=0)
    it.shows("sends_that_forgeries_caused", len(stage.providers.records()) - sends, equals=0)


def misjudged(stage):
    """Each delivery against what the provider meant for its number."""
    number = {r["provider_id"]: int(r["to"][-8:]) for r in stage.providers.records()}

    def meant(n):
        return "accepted" if n % 10 == 3 else "undelivered" if n % 5 == 0 else "delivered"
    return sum(meant(number[d["attempts"][-1]["provider_id"]]) != state
               for state in ("accepted", "delivered", "undelivered") for d in stage.deliveries(state))


def delivered(stage):
    return stage.broadcast("residents_sms")["delivered"]
