"""More requests than can be answered: nobody's is taken and then dropped, and what providers tell gets in."""
import multiprocessing, resource

import log
from row import Skip, row
from rush import Call, Rush
from settings import TOKEN, sms
from stage import Stage, until

POSTS, PHONES = 10_000, 10_000
RECEIPTS_PER_SECOND, LOOKS_PER_SECOND, SECONDS = 2_000, 5_000, 5
# A quarter of a second is the aim on a machine of its own; here whoever makes the rush takes its share of the two cores.
RECEIPT_SECONDS, MEMORY_MIB = 1.0, 300
# One connection each for those who post, and what else is open.
DESCRIPTORS = POSTS + 1_000


@row("back_pressure", "P29", seconds=300)
def back_pressure(it):
    """10,000 writers at once, 2,000 receipts and 5,000 looks at the status page a second: whatever was answered 201 is there after
    a kill -9, whoever finds no room is told when to come back, and every receipt is taken.
    """
    raise_limit()
    with Stage(it.folder, sms(rate=None, concurrency=32, receipts=True, timeout=60), watched=False) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(phones=PHONES)
        stage.release()
        stage.finish(120)
        posted, told, looked = rush(stage)
        memory = peak_mib(stage.server.pid)
        stage.kill()
        stage.start()
        writers(it, stage, posted)
        providers(it, stage, told)
        readers(it, looked)
        it.shows("memory_mib_at_most", memory, at_most=MEMORY_MIB)
        stage.terminate()
        stage.judge(it)


def rush(stage):
    """Everybody at once; what each sort came to."""
    incident = stage.call("POST", "/incidents", {"title": "Fault test"})["id"]
    start = multiprocessing.Event()
    looks = [Call("GET", "/") for _ in range(LOOKS_PER_SECOND * SECONDS)]
    sorts = [Rush(start, stage.port, [post(incident, n) for n in range(POSTS)]),
             Rush(start, stage.port, list(map(receipt, accepted(stage))), RECEIPTS_PER_SECOND, 32),
             Rush(start, stage.port, looks, LOOKS_PER_SECOND, 64)]
    start.set()
    return [sort.join() for sort in sorts]


def post(incident, n):
    draft = {"incident": incident, "headline": f"Post {n}", "what_to_do": ["Nothing."], "next_update_by": "none"}
    return Call("POST", "/api/v1/updates", {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"rush-{n}"}, draft)


def accepted(stage):
    """What the provider has taken: our reference and its own identifier."""
    return [(r["key"], r["provider_id"]) for r in log.effects(stage.providers.records())]


def receipt(pair):
    reference, identifier = pair
    return Call("POST", "/callbacks/residents_sms", {"Authorization": f"Bearer {TOKEN}"},
                {"id": identifier, "reference": reference, "status": "delivered"})


def writers(it, stage, found):
    there = found_again(stage, set(found["made"]))
    it.shows("writers_at_once", POSTS)
    it.shows("writers_acknowledged", found["statuses"].get(201, 0), equals=POSTS, why=found["odd"])
    it.shows("acknowledged_and_gone", len(found["made"]) - there, equals=0)
    it.shows("writers_told_to_come_back", found["told_to_come_back"])
    it.shows("writers_cut_off", len(found["broken"]), equals=0, why=found["broken"][:3])


def found_again(stage, updates):
    """How many of these updates the API still knows."""
    start = multiprocessing.Event()
    start.set()
    looks = [Call("GET", f"/api/v1/updates/{update}", {"Authorization": f"Bearer {TOKEN}"}) for update in updates]
    return Rush(start, stage.port, looks, RECEIPTS_PER_SECOND, 16).join()["statuses"].get(200, 0)


def providers(it, stage, found):
    it.shows("receipts", PHONES)
    it.shows("receipts_per_second", PHONES / found["seconds"])
    it.shows("receipts_taken", found["statuses"].get(204, 0), equals=PHONES, why=found["statuses"])
    it.shows("receipts_answered_5xx", sum(many for status, many in found["statuses"].items() if status and status >= 500), equals=0)
    it.shows("receipt_p50_seconds", log.quantile(found["seconds_each"], 0.5))
    it.shows("receipt_p99_seconds", log.quantile(found["seconds_each"], 0.99), at_most=RECEIPT_SECONDS)
    until(lambda: stage.broadcast("residents_sms")["delivered"] == PHONES, 30, "receipts that were taken are missing", 0.1)


def readers(it, found):
    answered, away = found["statuses"].get(200, 0), found["statuses"].get(503, 0)
    it.shows("looks_at_the_page", answered)
    it.shows("looks_per_second", answered / found["seconds"])
    it.shows("looks_told_to_come_back", away)
    it.shows("looks_answered_otherwise", LOOKS_PER_SECOND * SECONDS - answered - away, equals=0, why=found["broken"][:3])
    it.shows("look_p99_seconds", log.quantile(found["seconds_each"], 0.99))


def peak_mib(pid):
    """The most memory that a process has had resident."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) // 1024


def raise_limit():
    """Descriptors for one process with every writer's connection, for this row and what it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < DESCRIPTORS:
        raise Skip(f"a process may have {most} open files here, and this row needs {DESCRIPTORS}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, most))
