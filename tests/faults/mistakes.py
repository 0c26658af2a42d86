"""Mistakes at the desk: the wrong people, the wrong text, twice, or by accident."""
import os, time

from row import row
from settings import email, sms
from stage import Stage

PEOPLE, WATCHED_SECONDS = 20, 3


@row("mistakes", "P27 P14", seconds=60, busy=False)
def mistakes(it):
    """Fourteen mistakes that people make are each refused with a reason, and not one message leaves because of them: nobody in
    the audience, a rule misspelt so that it would have meant everybody, the same text again, the wrong list, a send by accident.
    """
    with Stage(it.folder, email(rate=100, concurrency=8), sms(rate=100), watched=False) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        # All have said what they want to hear of: who has not hears of everything.
        stage.import_people(["email,telephone,topics", *(f"r{n:07}@kill.test,+4479{n:08},bins" for n in range(1, PEOPLE + 1))])
        stage.release()
        stage.finish(30)
        size = stage.providers.size()
        unlike = [f"{name}: {got}, expected {expected}" for name, got, expected in made(it, stage) if got != expected]
        time.sleep(WATCHED_SECONDS)
        it.shows("mistakes", len(MADE), at_least=12)
        it.shows("not_refused_as_they_should_be", len(unlike), equals=0, why=unlike)
        it.shows("watched_seconds", WATCHED_SECONDS)
        it.shows("messages_that_left", len(stage.providers.records(size)), equals=0)
        stage.terminate()
        verdict = stage.verify()
        it.shows("lost", verdict["lost"], equals=0)
        it.shows("violations", len(verdict["violations"]), equals=0, why=verdict["violations"])


def made(it, stage):
    for name, expected, make in MADE:
        yield name, make(stage, it), expected


def status(stage, method, path, body=None, key=None, kind="application/json"):
    return stage.ask(method, path, body, key, kind)[0]


def draft(stage, **more):
    incident = stage.call("POST", "/incidents", {"title": "Fault test"})["id"]
    return {"incident": incident, "headline": "Written by mistake", "what_to_do": ["Nothing."], "sms": "Council: no. Ref {ref}",
            "next_update_by": "none", **more}


def written(stage, **more):
    return status(stage, "POST", "/updates", draft(stage, **more))


def sent(stage, update, key=None):
    return status(stage, "POST", f"/updates/{update}/send", {}, key)


def said_again(stage, _):
    update = stage.call("GET", f"/updates/{stage.update}")
    again = stage.write(incident=update["incident"])
    return sent(stage, again)


def stopped_and_sent(stage, _):
    stage.call("POST", "/system/hold", {"reason": "a test"})
    update = stage.write(headline="Stopped before it left")
    stage.send(update)
    stage.call("POST", f"/updates/{update}/stop", {"reason": "wrong text"})
    stage.call("POST", "/system/resume", {})
    return sent(stage, update)


def a_key_for_another_update(stage, _):
    return sent(stage, stage.write(headline="Not this one"), key=f"send-{stage.update}")


def command(stage, it, *arguments):
    return stage.oyez(*arguments)[0]


def the_wrong_file(stage, it):
    path = os.path.join(it.folder, "rates.csv")
    with open(path, "w") as f:
        f.write("ward,band,amount\nAbbey Road,D,412\n")
    return command(stage, it, "subscriber", "import", path)


# What somebody does, and how it has to end: an HTTP status, or a command's exit code.
MADE = [
    ("nobody is in the audience", 422, lambda stage, _: sent(stage, stage.write(audience={"topics": ["parks"]}))),
    ("the rule for whom it is meant is misspelt", 422, lambda stage, _: written(stage, audience={"topic": ["bins"]})),
    ("the field for whom it is meant is misspelt", 422, lambda stage, _: written(stage, audiense={"topics": ["bins"]})),
    ("a channel that does not exist", 422, lambda stage, _: written(stage, audience={"channels": ["resident_email"]})),
    ("a kind that does not exist", 422, lambda stage, _: written(stage, kind="exercize")),
    ("a text that says nothing", 422, lambda stage, _: written(stage, headline=" ")),
    ("a text too long for any screen", 422, lambda stage, _: written(stage, headline="No. " * 5000)),
    ("the same text to the same people again", 409, said_again),
    ("an update that is out already", 409, lambda stage, _: sent(stage, stage.update)),
    ("an update that was stopped", 409, stopped_and_sent),
    ("the key of another release", 422, a_key_for_another_update),
    ("an update that was never written", 404, lambda stage, _: sent(stage, "7QX-4HM")),
    ("a list of something else", 3, the_wrong_file),
    ("sent by accident", 2, lambda stage, it: command(stage, it, "update", "send", stage.write(headline="By accident"))),
]
