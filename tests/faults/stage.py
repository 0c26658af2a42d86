"""A stage for one fault: the real binary serving, the providers it talks to, people to write to, and who watches.

Everything listens on loopback and lives in one folder. What a provider's own log says is the truth of a row.
"""
import http.client, json, os, random, signal, socket, subprocess, time
from concurrent.futures import ThreadPoolExecutor

import log, settings
from watch import Watch

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("OYEZ_BINARY", os.path.join(TOP, "target/debug/oyez"))
TOOLS = os.path.join(TOP, "target/tools/bin")
SECRET = "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM="
# How long a server may say that it is busy.
PATIENCE_SECONDS = 30
# No setting of this shell may reach a row.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("OYEZ_")}


class Missed(Exception):
    """Something did not happen in its time, or happened when it must not."""


class Refused(Exception):
    """The server answered with a problem."""

    def __init__(self, status, headers, text):
        super().__init__(f"{status} {text[:300]}")
        self.status, self.headers, self.text = status, headers, text


class Providers:
    """One `oyez sandbox`: a relay and the HTTP providers, with their log."""

    def __init__(self, folder, name="sandbox"):
        self.smtp, self.http = free_port(), free_port()
        self.log = os.path.join(folder, f"{name}.jsonl")
        self.scenario = os.path.join(folder, f"{name}.scenario.json")
        self.said = os.path.join(folder, f"{name}.log")
        self.process = None

    def start(self, channels=None):
        with open(self.scenario, "w") as f:
            json.dump({"channels": channels or {}}, f)
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen(
                [BINARY, "sandbox", "--smtp", f"127.0.0.1:{self.smtp}", "--http", f"127.0.0.1:{self.http}",
                 "--log", self.log, "--scenario", self.scenario], env=ENVIRONMENT, stdout=said, stderr=said)
        until(lambda: reachable(self.smtp) and reachable(self.http), 20, "the sandbox does not answer")

    def size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def records(self, start=0):
        return log.records(self.log, start)

    def stop(self):
        end(self.process, 10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def outage(self):
        """Gone as a machine without power is gone: connections break, new ones are refused."""
        self.process.kill()
        self.process.wait()


class Stage:
    """A server with its channels, its providers and its people."""

    token = settings.TOKEN

    def __init__(self, folder, *channels, engine=None, watched=True, more=""):
        self.folder, self.store = folder, os.path.join(folder, "store")
        self.port = free_port()
        self.providers = Providers(folder)
        self.channels, self.engine, self.more = channels, engine or {}, more
        self.config = os.path.join(folder, "oyez.toml")
        self.said = os.path.join(folder, "serve.log")
        self.server = self.update = None
        self.recipients = 0
        self.watch = Watch(self) if watched else None
        self.prefix = []
        # What is written down about names.
        self.addresses = {}

    # ----- the server

    def configure(self):
        with open(self.config, "w") as f:
            f.write(settings.toml(self))

    def open(self, scenario=None):
        """Everything up: settings written, providers playing, server answering."""
        self.configure()
        self.providers.start(scenario)
        self.start()

    def start(self, environment=None):
        """Starts the server and returns when, in µs of CLOCK_BOOTTIME; it answers when this returns."""
        began = boottime_us()
        self.launch(environment)
        until(self.answers, 60, "the server does not answer")
        return began

    def launch(self, environment=None):
        with open(self.said, "ab") as said:
            self.server = subprocess.Popen([*self.prefix, BINARY, "serve", "--config", self.config],
                                           env={**ENVIRONMENT, **(environment or {})}, stdout=said, stderr=said)

    def answers(self):
        if self.server.poll() is not None:
            raise Missed(f"serve ended with {self.server.returncode}; see {self.said}")
        try:
            return self.call("GET", "/queue") is not None
        except OSError:
            return False

    def kill(self):
        """Kills -9, and returns when."""
        self.server.send_signal(signal.SIGKILL)
        at = boottime_us()
        self.server.wait()
        return at

    def terminate(self, seconds=60):
        """Asks for an orderly end; returns exit code and seconds it took."""
        began = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(seconds)
        return code, time.monotonic() - began

    def stop(self):
        if self.watch:
            self.watch.stop()
        end(self.server, 40)
        self.providers.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ----- what people and programs ask of it

    def call(self, method, path, body=None, key=None, kind="application/json", seconds=120):
        """Asks, and asks again where the answer says when to come back, as the API wants it."""
        key = key or f"fault-{random.random()}"
        limit = time.monotonic() + PATIENCE_SECONDS
        status, headers, text = self.ask(method, path, body, key, kind, seconds)
        while status == 503 and headers["Retry-After"] and time.monotonic() < limit:
            time.sleep(int(headers["Retry-After"]))
            status, headers, text = self.ask(method, path, body, key, kind, seconds)
        if status >= 400:
            raise Refused(status, headers, text.decode(errors="replace"))
        return json.loads(text) if text else {}

    def ask(self, method, path, body=None, key=None, kind="application/json", seconds=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            return exchange(connection, method, path, body, key, kind)
        finally:
            connection.close()

    def page(self, path):
        """What anybody may look at, such as /readyz: status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def oyez(self, *arguments, seconds=300):
        """A command against this stage: exit code, what it printed as JSON if it is, and what it said."""
        done = subprocess.run([*self.prefix, BINARY, *arguments, "--config", self.config, "--json"], env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=seconds)
        try:
            printed = json.loads(done.stdout)
        except ValueError:
            printed = done.stdout
        return done.returncode, printed, done.stderr

    # ----- people

    def populate(self, emails=0, phones=0, partners=0, first=1):
        """Numbered people: the first `phones` have a number and the first `emails` an address."""
        rows = ["email,telephone"]
        for n in range(first, first + max(emails, phones)):
            email = f"r{n:07}@kill.test" if n < first + emails else ""
            rows.append(f"{email},{f'+4479{n:08}' if n < first + phones else ''}")
        if len(rows) > 1:
            self.import_people(rows)
        self.add_partners(partners)
        self.recipients += emails + phones + partners

    def import_people(self, rows):
        self.call("POST", "/subscribers/import", "\n".join(rows).encode(), kind="text/csv", seconds=600)

    def add_partners(self, many, channel="partners", host="127.0.0.1"):
        def some(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for n in numbers:
                url = f"http://{host.format(n)}:{self.providers.http}/{channel}/hook/p{n:05}"
                status, _, text = exchange(connection, "PUT", f"/endpoints/p{n:05}", {"url": url, "secret": SECRET})
                if status >= 400:
                    raise Missed(f"endpoint p{n:05}: {status} {text[:300]}")
            connection.close()
        # Some at once, so that they share an fsync.
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(some, (range(first, many + 1, 8) for first in range(1, 9))))

    # ----- an update

    def write(self, **more):
        """Drafts an update in an incident of its own; returns its identifier."""
        incident = self.call("POST", "/incidents", {"title": "Fault test"})["id"]
        return self.call("POST", "/updates", {
            "incident": incident, "headline": "A test of what a fault can do", "what_to_do": ["Nothing."],
            "sms": "Council: a test. Ref {ref}", "next_update_by": "none", **more})["id"]

    def send(self, update):
        self.call("POST", f"/updates/{update}/send", {}, key=f"send-{update}")

    def release(self, **more):
        self.update = self.write(**more)
        self.send(self.update)
        if self.watch:
            self.watch.begin(self.update)
        return self.update

    def progress(self, update=None):
        return self.call("GET", f"/updates/{update or self.update}/progress")

    def broadcast(self, channel, update=None):
        return next(b for b in self.progress(update)["broadcasts"] if b["channel"] == channel)

    def queue(self, channel):
        return next(row for row in self.call("GET", "/queue")["data"] if row["channel"] == channel)

    def deliveries(self, state, update=None):
        """Every delivery of the update in this state, page by page."""
        found, cursor = [], ""
        while cursor is not None:
            page = self.call("GET", f"/updates/{update or self.update}/deliveries?state={state}&limit=200{cursor}")
            found += page["data"]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        return found

    def finish(self, seconds=300, update=None):
        until(lambda: self.progress(update)["finished"], seconds, "the update does not finish", 0.05)

    # ----- judgement

    def verify(self, *logs):
        """What `oyez verify` makes of the ledger and the providers' logs."""
        path = self.providers.log
        if logs:
            path = os.path.join(self.folder, "all.jsonl")
            log.write(path, sorted((r for one in logs for r in log.records(one)), key=lambda r: r["t_us"]))
        return verdict(*self.oyez("verify", "--log", path))

    def verify_copy(self, store, path):
        """The same of a copy of the data directory."""
        return verdict(*self.oyez("verify", "--data-dir", store, "--log", path))

    def judge(self, it, duplicates=0, unknown=0, verdict=None):
        """The figures that every row shows; the bounds are those of the row."""
        found = verdict or self.verify()
        it.shows("recipients", found["recipients"], equals=self.recipients)
        it.shows("accepted", found["accepted"], equals=self.recipients - found["unknown"])
        it.shows("lost", found["lost"], equals=0)
        it.shows("duplicates", found["duplicates"], at_most=duplicates)
        it.shows("unknown", found["unknown"], at_most=unknown)
        it.shows("violations", len(found["violations"]), equals=0, why=found["violations"])
        if self.watch:
            it.counted(self.watch)
        return found


def exchange(connection, method, path, body=None, key=None, kind="application/json"):
    headers = {"Authorization": f"Bearer {Stage.token}"}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = kind
    if method == "POST":
        headers["Idempotency-Key"] = key or f"fault-{random.random()}"
    connection.request(method, f"/api/v1{path}", data, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def verdict(code, printed, said):
    if not isinstance(printed, dict):
        raise Missed(f"verify ended with {code} and said: {said}")
    return printed


def until(condition, seconds, complaint, pause=0.005):
    """Waits for a condition, at most so long."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise Missed(complaint)
        time.sleep(pause)


def end(process, seconds):
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reachable(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def boottime_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
