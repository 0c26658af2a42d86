"""Name servers that fall silent: as when the council's own are what is under attack."""
import os, socket, struct, threading, time

import log
from mounts import Mounts
from outages import ONE_ATTEMPT, after
from row import Skip, row
from settings import email, hooks, sms
from stage import Stage, boottime_us, until

PARTNERS, RATE = 400, 25
SERVER = "127.0.12.53"
ANSWER, SILENT, FAILING = "answers", "says nothing", "says that it fails"


@row("names", "P12", seconds=240, busy=False)
def names(it):
    """When no name server answers, or each says that it fails, partners known by name are still reached, each new connection
    included, as fast as before; whose address was never known waits, uncharged and never called unknown, and goes on within
    20 s of the repair; whose address is written down never waits.
    """
    with NameServer() as server, Mounts(server.mounts(it.folder)) as machine:
        known_before(it, server, machine)
        never_known(it, server, machine)
        written_down(it, server, machine)


def known_before(it, server, machine):
    """Every partner has a host name of its own; all connections are closed before the name server fails."""
    partners = hooks(rate=RATE, concurrency=8, retry=ONE_ATTEMPT)
    with Stage(it.room(), partners, watched=False) as stage:
        stage.prefix = machine.prefix
        server.mode = ANSWER
        stage.open()
        stage.add_partners(PARTNERS, host="p{:05}.partners.test")
        stage.recipients = PARTNERS
        stage.release()
        stage.finish(60)
        it.shows("names", PARTNERS)
        for mode, name in ((SILENT, "silent"), (FAILING, "failing")):
            stage.providers.stop()
            stage.providers.start()
            server.mode = mode
            size, asked = stage.providers.size(), server.asked
            stage.release()
            stage.recipients += PARTNERS
            stage.finish(120)
            times = [r["t_us"] for r in log.effects(stage.providers.records(size))]
            it.shows(f"{name}_reached", len(times), equals=PARTNERS)
            it.shows(f"{name}_share_of_the_rate", log.rate(times) / RATE, at_least=0.95)
            it.shows(f"{name}_charged", stage.broadcast("partners")["failed"], equals=0)
            it.shows(f"{name}_questions_in_vain", server.asked - asked, at_least=1)
        stage.terminate()
        verdict = stage.verify()
        it.shows("known_lost", verdict["lost"], equals=0)
        it.shows("known_unknown", verdict["unknown"], equals=0)
        it.shows("known_duplicates", verdict["duplicates"], equals=0)


def never_known(it, server, machine):
    """The program starts when the name server has fallen silent."""
    seconds = 600 if it.nightly else 25
    mail = email(rate=100, concurrency=8, host="localhost", retry=ONE_ATTEMPT)
    texts = sms(rate=50, concurrency=8, host="texts.test", retry=ONE_ATTEMPT)
    with Stage(it.room(), mail, texts) as stage:
        stage.prefix = machine.prefix
        server.mode = SILENT
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(emails=300, phones=150)
        stage.release()
        time.sleep(seconds)
        paused = [(stage.queue(channel.name)["paused"] or {}).get("reason") for channel in (mail, texts)]
        sent, charged = len(stage.providers.records()), charges(stage, mail, texts)
        server.mode = ANSWER
        repaired = boottime_us()
        stage.finish(90)
        charged += charges(stage, mail, texts)
        it.shows("silent_from_the_start_seconds", seconds)
        it.shows("sent_meanwhile", sent, equals=0)
        it.shows("channels_that_say_why", sum(reason == "dns" for reason in paused), equals=2, why=paused)
        it.shows("charged", charged, equals=0)
        for channel in (mail, texts):
            times = [r["t_us"] for r in log.effects(stage.providers.records(), channel.name)]
            it.shows(f"{channel.name}_resumed_after_seconds", after(times, repaired), at_most=20)
        stage.terminate()
        stage.judge(it)


def written_down(it, server, machine):
    texts = sms(rate=50, concurrency=8, host="texts.test")
    with Stage(it.room(), texts, watched=False) as stage:
        stage.prefix = machine.prefix
        stage.addresses = {"texts.test": "127.0.0.1"}
        server.mode = SILENT
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(phones=100)
        asked, began = server.asked, boottime_us()
        stage.release()
        stage.finish(60)
        times = [r["t_us"] for r in log.effects(stage.providers.records())]
        it.shows("written_down_reached", len(times), equals=100)
        it.shows("written_down_first_after_seconds", after(times, began), at_most=2)
        it.shows("written_down_questions", server.asked - asked, equals=0)


def charges(stage, *channels):
    return sum(stage.broadcast(channel.name)["failed"] for channel in channels)


class NameServer:
    """A name server on loopback for which every name is this machine; it can fall silent, and it can fail."""

    def __init__(self):
        self.mode, self.asked = ANSWER, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.bind((SERVER, 53))
        except PermissionError:
            raise Skip("no name server can be played here: port 53 is for root")

    def mounts(self, folder):
        """What makes a program ask this one, whatever the machine is told."""
        files = {"/etc/resolv.conf": f"nameserver {SERVER}\n", "/etc/nsswitch.conf": "hosts: dns\n", "/etc/hosts": ""}
        commands = []
        for path, text in files.items():
            own = os.path.join(folder, os.path.basename(path))
            with open(own, "w") as f:
                f.write(text)
            commands.append(f"mount --bind '{own}' {path}")
        return "\n".join(commands)

    def run(self):
        while True:
            try:
                question, whence = self.socket.recvfrom(512)
            except OSError:
                return
            self.asked += 1
            if self.mode != SILENT:
                self.socket.sendto(self.answer(question), whence)

    def answer(self, question):
        """RFC 1035 §4: the question again with an A record; for other types none, and with a fault SERVFAIL."""
        end = question.index(b"\0", 12) + 5
        kind, = struct.unpack_from(">H", question, end - 4)
        found = self.mode == ANSWER and kind == 1
        fault = 2 if self.mode == FAILING else 0
        head = question[:2] + struct.pack(">HHHHH", 0x8580 | fault, 1, int(found), 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton("127.0.0.1")
        return head + question[12:end] + (record if found else b"")

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()
