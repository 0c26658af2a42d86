"""GOV.UK Notify's door: checks each token with the service's own Python client and says its findings as one JSON line.

judge_notify_client.py SERVICE SECRET    the one service that it knows, and the secret of that service's key
"""
import json, os, sys, threading, time, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import jwt
from notifications_python_client import authentication, errors

SERVICE, SECRET = sys.argv[1:3]


def say(**report):
    print(json.dumps(report), flush=True)


def judged(token):
    """What is wrong with a token, and what the service answers then."""
    try:
        if authentication.get_token_issuer(token) != SERVICE:
            return "service not found", "Invalid token: service not found"
        authentication.decode_jwt_token(token, SECRET)
    except errors.TokenExpiredError as error:
        return type(error).__name__, "Error: Your system clock must be accurate to within 30 seconds"
    except errors.TokenError as error:
        return type(error).__name__, "Invalid token: API key not found"
    return None, None


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, **body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self, status, message):
        self.answer(status, status_code=status, errors=[{"error": "AuthError", "message": message}])

    def come_in(self):
        """Whether the token is good; says what was found."""
        path = urlsplit(self.path).path
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            say(path=path, fault="no token")
            self.refused(401, "Unauthorized: authentication token must be provided")
            return False
        fault, message = judged(token)
        claims = authentication.decode_token(token)
        say(path=path, fault=fault, issuer=claims.get("iss"), age=int(time.time()) - int(claims.get("iat", 0)),
            claims=sorted(claims), header=jwt.get_unverified_header(token))
        if fault:
            self.refused(403, message)
        return not fault

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.come_in():
            self.answer(201, id=str(uuid.uuid4()), content={}, uri="", template={})

    def do_GET(self):
        if not self.come_in():
            return
        if "/template/" in self.path:
            self.answer(200, id="", type="sms", body="((body))")
        else:
            self.answer(200, notifications=[], links={})

    def log_message(self, *_):
        pass


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
say(port=server.server_port)
server.serve_forever()
