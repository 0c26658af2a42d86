"""Reads the counts as a screen would, four times a second or oftener, and keeps those that cannot be true."""
import http.client, json, threading

ENDS = ("accepted", "failed", "unknown", "suppressed", "stopped", "expired", "superseded", "pending")


class Watch:
    """Samples one update's progress, through crashes and restarts, from `begin` to `stop`."""

    def __init__(self, stage, period_seconds=0.25):
        self.stage, self.period_seconds, self.update = stage, period_seconds, None
        self.samples, self.untrue = 0, []
        self.asked, self.accepted = {}, {}
        self.over = threading.Event()
        self.thread = None

    def begin(self, update):
        self.update = update
        if not self.thread:
            self.thread = threading.Thread(target=self.run, daemon=True)
            self.thread.start()

    def stop(self):
        self.over.set()
        if self.thread:
            self.thread.join()

    def run(self):
        while not self.over.wait(self.period_seconds):
            update = self.update
            try:
                status, _, text = self.stage.ask("GET", f"/updates/{update}/progress", seconds=10)
            except (OSError, http.client.HTTPException):
                continue
            # Nobody has to answer while the disk is full or the database is locked; what is answered has to be true.
            if status == 200:
                self.look(update, json.loads(text))

    def look(self, update, progress):
        self.samples += 1
        for b in progress["broadcasts"]:
            place = (update, b["channel"])
            if b["asked"] != sum(b[end] for end in ENDS):
                self.untrue.append(f"{b['channel']}: the parts of {b['asked']} do not add up")
            if b["accepted"] < self.accepted.get(place, 0):
                self.untrue.append(f"{b['channel']}: accepted fell from {self.accepted[place]} to {b['accepted']}")
            if b["asked"] != self.asked.get(place, b["asked"]):
                self.untrue.append(f"{b['channel']}: asked was {self.asked[place]} and is {b['asked']}")
            self.accepted[place] = b["accepted"]
            if b["planned"]:
                self.asked[place] = b["asked"]
