"""The same request sent again, at once or after a crash: one update, one answer, and nothing acknowledged is lost."""
import http.client, itertools, json, threading, time
from concurrent.futures import ThreadPoolExecutor

from row import row
from settings import email
from stage import Stage

AT_ONCE, POSTERS = 100, 4


@row("same_request", "P1 P14", seconds=240)
def same_request(it):
    """A request repeated under its Idempotency-Key has one effect and one answer: 100 at once make one update and release it
    once; and what was acknowledged before a crash is there after it.
    """
    with Stage(it.folder, email(rate=200, concurrency=8)) as stage:
        stage.open()
        stage.populate(emails=200)
        at_once(it, stage)
        under_kills(it, stage, 100 if it.nightly else 15)


def at_once(it, stage):
    incident = stage.call("POST", "/incidents", {"title": "Fault test"})["id"]
    body = draft(incident, "Once")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: stage.ask("POST", "/updates", body, key="once"), range(AT_ONCE)))
        written = {json.loads(text)["id"] for status, _, text in answers if status == 201}
        it.shows("posts_at_once", AT_ONCE)
        it.shows("answered_201", sum(status == 201 for status, _, _ in answers), equals=AT_ONCE)
        it.shows("updates_made", len(written), equals=1)
        it.shows("marked_as_repeats", sum("idempotency-replayed" in headers for _, headers, _ in answers),
                 equals=AT_ONCE - 1)
        stage.update = written.pop()
        sends = list(pool.map(lambda _: stage.ask("POST", f"/updates/{stage.update}/send", {}, key="send-once"),
                              range(AT_ONCE)))
    it.shows("sends_answered_202", sum(status == 202 for status, _, _ in sends), equals=AT_ONCE)
    status, _, _ = stage.ask("POST", "/updates", draft(incident, "Another"), key="once")
    it.shows("same_key_for_another_request_answers", status, equals=422)
    stage.watch.begin(stage.update)
    stage.finish(60)


def under_kills(it, stage, kills):
    """A few post without pause while the server is killed again and again; each repeats its key until it is answered."""
    incident = stage.call("POST", "/incidents", {"title": "Fault test"})["id"]
    acknowledged, unanswered, over = {}, set(), threading.Event()

    def post(poster):
        for n in itertools.count():
            key = f"post-{poster}-{n}"
            while key not in acknowledged:
                try:
                    status, headers, text = stage.ask("POST", "/updates", draft(incident, f"Post {n}"), key=key, seconds=10)
                except (OSError, http.client.HTTPException):
                    unanswered.add(key)
                    time.sleep(0.02)
                    continue
                if status == 201:
                    acknowledged[key] = json.loads(text)["id"], "idempotency-replayed" in headers
                elif over.is_set():
                    return
            if over.is_set():
                return
    posters = [threading.Thread(target=post, args=(poster,), daemon=True) for poster in range(POSTERS)]
    for poster in posters:
        poster.start()
    for _ in range(kills):
        time.sleep(it.rng.uniform(0.1, 0.6))
        stage.kill()
        stage.start()
    over.set()
    for poster in posters:
        poster.join(30)
    gone = [key for key, (update, _) in acknowledged.items() if stage.ask("GET", f"/updates/{update}")[0] != 200]
    replayed = sum(acknowledged[key][1] for key in unanswered if key in acknowledged)
    it.shows("kills", kills)
    it.shows("posts_acknowledged", len(acknowledged), at_least=kills * 20)
    it.shows("acknowledged_and_gone", len(gone), equals=0)
    it.shows("posts_interrupted", len(unanswered))
    # The answer was lost and the update was not: its key finds it again.
    it.shows("found_again_by_key", replayed, at_most=kills * POSTERS)
    it.shows("keys_with_one_update", len({update for update, _ in acknowledged.values()}), equals=len(acknowledged))
    stage.terminate()
    stage.judge(it)


def draft(incident, headline):
    return {"incident": incident, "headline": headline, "what_to_do": ["Nothing."], "next_update_by": "none"}
