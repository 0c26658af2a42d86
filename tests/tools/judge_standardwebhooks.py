"""A partner's endpoint that judges each post and says its findings as one JSON line: secrets (v1) with the standardwebhooks
package, public keys (v1a), which that does not know, with PyNaCl.

judge_standardwebhooks.py OLD NEW STRANGER    three secrets or public keys; the partner trusts the first two
"""
import base64, json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from standardwebhooks import Webhook, WebhookVerificationError

secrets = dict(zip(("old", "new", "stranger"), sys.argv[1:4]))


def say(**report):
    print(json.dumps(report), flush=True)


def is_signed_by(key, body, headers):
    """Whether one of the signatures is the key's (Standard Webhooks, "Signature scheme", asymmetric)."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split(" "):
        version, _, encoded = signature.partition(",")
        try:
            if version == "v1a" and VerifyKey(base64.b64decode(key.removeprefix("whpk_"))).verify(content, base64.b64decode(encoded)):
                return True
        except (BadSignatureError, ValueError):
            pass
    return False


def verifies(secret, body, headers):
    if secret.startswith("whpk_"):
        return is_signed_by(secret, body, headers)
    try:
        return bool(Webhook(secret).verify(body, headers))
    except WebhookVerificationError:
        return False


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers)
        good = {name: verifies(secret, body, headers) for name, secret in secrets.items()}
        # Still JSON, and one digit or letter different.
        tampered = body.replace(b'"headline":"D', b'"headline":"E')
        changed = {
            "body": (tampered, headers),
            "id": (body, headers | {"webhook-id": headers["webhook-id"] + "x"}),
            "timestamp": (body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
            "signature": (body, headers | {"webhook-signature": "v1,AAAA"}),
        }
        say(post=self.path, good=good, id=headers["webhook-id"], type=headers["content-type"],
            tampered=tampered != body, body=body.decode(),
            changed={what: any(verifies(s, *it) for s in secrets.values()) for what, it in changed.items()})
        self.send_response(204 if good["old"] or good["new"] else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
say(port=server.server_port)
server.serve_forever()
