"""Configurations that are wrong in every way people get them wrong, while a sound one is at work beside them."""
import os, subprocess, time

from row import row
from settings import email, hooks, sms
from stage import BINARY, ENVIRONMENT, Stage

BAD_CONFIGURATION = 78
DEADLINE_SECONDS = 5
MAIL = "[channels.residents_email.via.smtp]\n"
TEXTS = "[channels.residents_sms.via.sms_http]\n"

# What is wrong, what it replaces in a sound file (nothing: it is added at the end), what stands there instead, and a word that
# the complaint has to have in it.
WRONG = [
    ("a table cut off", "", "[http", "line"),
    ("a key twice", "[log]\n", "[log]\nfilter = \"info\"\n", "duplicate"),
    ("a table twice", "", "[log]\nformat = \"text\"\n", "duplicate"),
    ("a text without end", "", "[x]\ny = \"z\n", "line"),
    ("a value without quotes", "", "[x]\ny = many words\n", "line"),
    ("another language", "", "listen: 8080\n", "line"),
    ("a key without value", "", "[x]\ny =\n", "line"),
    ("a control character", "", "[x]\ny = \"\x01\"\n", "line"),
    ("an unknown section", "", "[engin]\npage_rows = 5\n", "engine"),
    ("an unknown key of the engine", "", "[engine]\npage_row = 5\n", "page_rows"),
    ("an unknown key of http", "[http]\n", "[http]\nlissten = \"127.0.0.1:1\"\n", "listen"),
    ("an unknown key of the store", "[store]\n", "[store]\ndatadir = \"x\"\n", "data_dir"),
    ("an unknown key of the log", "[log]\n", "[log]\nlevel = \"info\"\n", "level"),
    ("an unknown key of the network", "[network]\n", "[network]\nallow = []\n", "allow"),
    ("an unknown key of the organisation", "[organisation]\n", "[organisation]\nnme = \"x\"\n", "name"),
    ("an unknown key of a channel", "[channels.residents_email]\n", "[channels.residents_email]\npase = 3\n", "pace"),
    ("an unknown kind", "", "[channels.more.via.smpt]\nhost = \"x\"\n", "smtp"),
    ("an unknown key of mail", MAIL, f"{MAIL}hots = \"x\"\n", "host"),
    ("an unknown key of texts", TEXTS, f"{TEXTS}timeoutseconds = 3\n", "timeout_seconds"),
    ("a number for an address", "listen = \"", "listen = 8080 #", "listen"),
    ("no address", "listen = \"", "listen = \"here:", "listen"),
    ("a word for a number", "", "[engine]\npage_rows = \"many\"\n", "page_rows"),
    ("a word for a rate", "rate_per_second = 100.0", "rate_per_second = \"fast\"", "rate_per_second"),
    ("a text for a list", "allow_networks = [\"127.0.0.0/8\"]", "allow_networks = 3", "allow_networks"),
    ("a list for a token", "token = \"", "token = [] #", "token"),
    ("fewer than no attempts", "max_attempts = 6", "max_attempts = -1", "max_attempts"),
    ("a number beyond all numbers", "", "[engine]\nflush_milliseconds = 99999999999999999999\n", "too large"),
    ("fewer than no connections", "[http]\n", "[http]\nconnections = -5\n", "connections"),
    ("nothing at once", "concurrency = 8", "concurrency = 0", "concurrency"),
    ("very much at once", "concurrency = 8", "concurrency = 1000000", "concurrency"),
    ("a rate of nothing", "rate_per_second = 100.0", "rate_per_second = 0.0", "rate_per_second"),
    ("a rate below nothing", "rate_per_second = 100.0", "rate_per_second = -1.0", "rate_per_second"),
    ("a rate that is no number", "rate_per_second = 100.0", "rate_per_second = nan", "rate_per_second"),
    ("a rate beyond all measure", "rate_per_second = 100.0", "rate_per_second = 1e12", "rate_per_second"),
    ("no burst", "concurrency = 8", "burst = 0, concurrency = 8", "burst"),
    ("outcomes gathered for a second", "", "[engine]\nflush_milliseconds = 900\n", "flush_milliseconds"),
    ("pages of nobody", "", "[engine]\npage_rows = 0\n", "page_rows"),
    ("no attempt", "max_attempts = 6", "max_attempts = 0", "max_attempts"),
    ("waits that shrink", "cap_milliseconds = 2000", "cap_milliseconds = 1", "cap_milliseconds"),
    ("no connections", "[http]\n", "[http]\nconnections = 0\n", "connections"),
    ("imports of nothing", "[http]\n", "[http]\nimport_megabytes = 0\n", "import_megabytes"),
    ("a token that can be guessed", "token = \"", "token = \"short\" #", "token"),
    ("a token twice", "[http]\n", "[http]\ntoken_file = \"/nowhere\"\n", "token"),
    ("no URL", "[http]\n", "[http]\nbase_url = \"council\"\n", "base_url"),
    ("a time zone nobody knows", "[organisation]\n", "[organisation]\ntime_zone = \"Europe/Westminster\"\n", "time_zone"),
    ("an organisation without a name", "[organisation]\n", "[organisation]\nname = \" \"\n", "name"),
    ("a network that is none", "allow_networks = [\"127.0.0.0/8\"]", "allow_networks = [\"here\"]", "allow_networks"),
    ("a name without an address", "addresses = {  }", "addresses = { \"a.test\" = [\"b.test\"] }", "addresses"),
    ("a channel called LOUD", "", "[channels.LOUD.via.webhook]\n", "LOUD"),
    ("a channel with two ways out", MAIL, f"[channels.residents_email.via.webhook]\n{MAIL}", "via"),
    ("a channel with no way out", "", "[channels.more]\nenabled = true\n", "via"),
    ("mail in the clear", "host = \"127.0.0.1\"", "host = \"mail.example.org\"", "tls"),
    ("a sender who is none", "Council <updates@status.example.gov.uk>", "Council", "from"),
    ("a password that is not there", MAIL, f"{MAIL}username = \"oyez\"\npassword_file = \"/nowhere/smtp\"\n", "password_file"),
    ("a certificate that is not there", "tls = \"none\"", "tls = \"starttls\"\nca_file = \"/nowhere/ca.pem\"", "ca_file"),
    ("a template that is no JSON", "'{\"to\":\"{to}\"", "'{\"to\":{{\"{to}\"", "template"),
    ("a pointer that points nowhere", "id_pointer = \"/id\"", "id_pointer = \"id\"", "id_pointer"),
    ("a policy that is none", "on_unknown = \"hold\"", "on_unknown = \"maybe\"", "on_unknown"),
    ("a log in a form that is none", "[log]\n", "[log]\nformat = \"xml\"\n", "format"),
]


@row("configurations", "P24", seconds=120, busy=False)
def configurations(it):
    """Each wrong configuration is refused with exit code 78, by `serve` and by `check`, with the place and what would be right;
    the program that is sending meanwhile, from the same data directory, does not notice.
    """
    mail, texts = email(rate=100, concurrency=8), sms(rate=50)
    with Stage(it.folder, mail, texts, hooks()) as stage:
        stage.open({"residents_sms": {"receipts": [{"outcome": "none"}]}})
        stage.populate(emails=3000, phones=1000)
        stage.release()
        sound, wrong = stage.config, os.path.join(it.folder, "wrong.toml")
        with open(sound) as f:
            text = f.read()
        unlike, silent, slowest = [], [], 0.0
        files = [*unreadable(it.folder), *spoiled(text, wrong)]
        for name, path, word, spoil in files:
            spoil()
            for command in (["serve"], ["check", "--offline"]):
                code, said, took = ends(command, path)
                slowest = max(slowest, took)
                if code != BAD_CONFIGURATION:
                    unlike.append(f"{name}: {command[0]} ended with {code}: {said[:300]}")
                elif word not in said:
                    silent.append(f"{name}: {command[0]} does not say {word}: {said[:300]}")
        stage.finish(90)
        code, _ = stage.terminate()
        it.shows("wrong_configurations", len(files), at_least=60)
        it.shows("not_refused_with_78", len(unlike), equals=0, why=unlike)
        it.shows("complaints_that_do_not_name_the_place", len(silent), equals=0, why=silent)
        it.shows("slowest_refusal_seconds", slowest, at_most=DEADLINE_SECONDS)
        it.shows("the_sound_one_ended_with", code, equals=0)
        stage.judge(it)


def spoiled(text, path):
    """Each fault, put into a sound file when its turn comes."""
    def spoil(old, new):
        with open(path, "w") as f:
            f.write(text.replace(old, new, 1) if old else f"{text}\n{new}")
    for name, old, new, word in WRONG:
        if old and old not in text:
            raise ValueError(f"{old!r} is not in the sound file")
        yield name, path, word, lambda old=old, new=new: spoil(old, new)


def unreadable(folder):
    """What is no text file at all."""
    def make(name, content):
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(content)
        return path
    device = os.path.join(folder, "device.toml")
    os.symlink("/dev/zero", device)
    found = [("a file that is not there", os.path.join(folder, "nowhere.toml")), ("a directory", folder),
             ("a device", device), ("no text", make("binary.toml", bytes(range(128, 256)))),
             ("a very large file", make("large.toml", b"#" * (2 << 20)))]
    return [(name, path, os.path.basename(path), lambda: None) for name, path in found]


def ends(command, path):
    """How a command ends with this file: code, what it said, seconds. One that goes on is ended, and that is its code."""
    began = time.monotonic()
    process = subprocess.Popen([BINARY, *command, "--config", path], env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        said, _ = process.communicate(timeout=2 * DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return process.returncode, said, time.monotonic() - began
