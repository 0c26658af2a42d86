"""Twilio's own request validator: signs and judges callbacks, and says what it found as one JSON line.

judge_twilio.py CASES    a JSON array of {"token", "url", and "form" or "body"}, and "signature" where one is to be judged

For each case it says the signature that it makes itself, the one with the port written out, and whether it takes the
case as it is (with its own signature where none is given). A form is an array of pairs of name and value.
"""
import json, sys
from urllib.parse import urlparse

from twilio import request_validator


class Form(dict):
    """Several values by name, as web frameworks hand them over."""

    def __init__(self, pairs):
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


def judged(case):
    validator = request_validator.RequestValidator(case["token"])
    url, params = case["url"], Form(case["form"]) if "form" in case else case["body"]
    signed = params if isinstance(params, Form) else {}
    with_port = request_validator.add_port(urlparse(url))
    own = validator.compute_signature(url, signed)
    return {
        "signature": own,
        "with_port": validator.compute_signature(with_port, signed),
        "genuine": validator.validate(url, params, case.get("signature", own)),
    }


print(json.dumps({"judged": [judged(case) for case in json.loads(sys.argv[1])]}), flush=True)
