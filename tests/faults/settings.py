"""The configuration file of a stage: a server on loopback and channels that lead to its providers."""
import math, string

TOKEN = "fault-test-token-0123456789"
FLUSH_SECONDS = 0.05
RETRY = "retry = { max_attempts = 6, base_milliseconds = 500, cap_milliseconds = 2000 }"

HEAD = """
[http]
listen = "127.0.0.1:$port"
token = "$token"
[organisation]
public_url = "http://127.0.0.1:$port"
[store]
data_dir = "$store"
[network]
allow_networks = ["127.0.0.0/8"]
addresses = { $addresses }
[log]
filter = "warn"
"""
EMAIL = """
[channels.$name]
pace = { $pace }
$retry
[channels.$name.via.smtp]
host = "$host"
port = $smtp
tls = "none"
from = "Council <updates@status.example.gov.uk>"
hello = "$name"
connections = $concurrency
"""
SMS = """
[channels.$name]
on_unknown = "$on_unknown"
pace = { $pace }
$retry
[channels.$name.via.sms_http]
url = "http://$host:$http/$name/sms/messages"
from = "WCCouncil"
id_pointer = "/id"
timeout_seconds = $timeout
body = { kind = "json", template = '{"to":"{to}","from":"{from}","text":"{text}","reference":"{ref}"}' }
"""
REPORTED_SMS = SMS.replace('{ref}"', '{ref}","callback_url":"http://127.0.0.1:$port/callbacks/$name"') + """
[channels.$name.via.sms_http.callback]
auth = "bearer"
secret = "$token"
ref_pointer = "/reference"
id_pointer = "/id"
status_pointer = "/status"
reason_pointer = "/error"
map = { queued = "underway", delivered = "delivered", failed = "undelivered" }
reasons = { phone_off = "phone_off" }
"""
HOOKS = """
[channels.$name]
pace = { $pace }
$retry
[channels.$name.via.webhook]
timeout_seconds = $timeout
"""


class Channel:
    """One channel with its pace, from which the bound on copies follows."""

    def __init__(self, template, name, rate, concurrency, providers=None, retry=RETRY, host="127.0.0.1", **more):
        self.template, self.name, self.rate, self.concurrency = template, name, rate, concurrency
        self.providers, self.retry, self.host, self.more = providers, retry, host, more

    @property
    def bound(self):
        """D = C + ⌈R·τ⌉ + 8: one crash sends at most so many twice."""
        return self.concurrency + (math.ceil(self.rate * FLUSH_SECONDS) + 8 if self.rate else 512)

    def toml(self, stage):
        providers = self.providers or stage.providers
        rate = f"rate_per_second = {self.rate:.1f}, " if self.rate else ""
        return string.Template(self.template).substitute(
            name=self.name, pace=f"{rate}concurrency = {self.concurrency}", concurrency=self.concurrency,
            retry=self.retry, host=self.host, smtp=providers.smtp, http=providers.http, port=stage.port, token=TOKEN, **self.more)


def email(name="residents_email", rate=1500, concurrency=32, **more):
    return Channel(EMAIL, name, rate, concurrency, **more)


def sms(name="residents_sms", rate=150, concurrency=8, on_unknown="hold", receipts=False, timeout=20, **more):
    return Channel(REPORTED_SMS if receipts else SMS, name, rate, concurrency, on_unknown=on_unknown, timeout=timeout, **more)


def hooks(name="partners", rate=25, concurrency=8, timeout=20, **more):
    return Channel(HOOKS, name, rate, concurrency, timeout=timeout, **more)


def toml(stage):
    addresses = ", ".join(f'"{name}" = ["{address}"]' for name, address in stage.addresses.items())
    head = string.Template(HEAD).substitute(port=stage.port, token=TOKEN, store=stage.store, addresses=addresses)
    engine = "".join(f"{key} = {value}\n" for key, value in stage.engine.items())
    channels = "".join(channel.toml(stage) for channel in stage.channels)
    return f"{head}{f'[engine]{chr(10)}{engine}' if engine else ''}{channels}{stage.more}"
