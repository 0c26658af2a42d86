"""A relay made of aiosmtpd that asks for STARTTLS and AUTH; it says each thing it hears as one JSON line.

judge_aiosmtpd.py HOST OFFER...    HOST: the name or address in its certificate, or a certificate's file beside key.pem
                                   and ca.pem; OFFER: starttls, auth names, pipelining, and what it does wrong: seven_bits
                                   (no 8BITMIME), ten_recipients (a connection), leaves_in_data, leaves_after_each
"""
import asyncio, base64, json, os, ssl, subprocess, sys, tempfile, threading

from aiosmtpd import smtp

USER, PASSWORD = b"council", b"correct horse"
ANSWERS = {
    "gone": "550 5.1.1 No such user",
    "full": "452 4.2.2 Mailbox full",
    "grey": "451 4.7.1 Greylisted, try again later",
    "policy": "550 5.7.1 Refused by policy",
}


def say(**report):
    print(json.dumps(report), flush=True)


def certificate(folder, host):
    """A certificate for `host`, signed by an authority of its own; openssl is wherever https is."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    kind = "IP" if host.replace(".", "").isdigit() else "DNS"
    with open(os.path.join(folder, "openssl.cnf"), "w") as f:
        f.write("[req]\ndistinguished_name = name\n[name]\n"
                "[ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n"
                f"[relay]\nsubjectAltName = {kind}:{host}\nextendedKeyUsage = serverAuth\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-config", "openssl.cnf", "-x509", "-extensions", "ca", *key, "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "2", "-subj", "/CN=Relay test authority")
    openssl("req", "-config", "openssl.cnf", *key, "-keyout", "relay.key", "-out", "relay.csr", "-subj", "/CN=relay")
    openssl("x509", "-req", "-in", "relay.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "relay.pem", "-days", "2", "-extfile", "openssl.cnf", "-extensions", "relay")


class Relay(smtp.SMTP):
    """Says each command, whether it came over a secured connection, and when the conversation is over."""

    def connection_lost(self, error):
        say(over=True)
        super().connection_lost(error)

    def note(self, command, argument):
        say(command=command, argument=argument, secured=self.session.ssl is not None)

    async def smtp_EHLO(self, argument):
        self.note("EHLO", argument)
        await super().smtp_EHLO(argument)

    async def smtp_AUTH(self, argument):
        self.note("AUTH", argument.split(" ")[0])
        await super().smtp_AUTH(argument)

    async def smtp_MAIL(self, argument):
        self.note("MAIL", argument)
        await super().smtp_MAIL(argument)

    async def smtp_DATA(self, argument):
        if "leaves_in_data" in offers and self.envelope.rcpt_tos:
            self.note("DATA", argument)
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            await self.push("421 4.3.2 Shutting down")
            self.transport.close()
            return
        await super().smtp_DATA(argument)
        if "leaves_after_each" in offers:
            self.transport.close()


class Handler:
    async def handle_EHLO(self, server, session, envelope, name, responses):
        session.host_name = name
        if "pipelining" in offers:
            responses.insert(1, "250-PIPELINING")
        if "seven_bits" in offers:
            responses.remove("250-8BITMIME")
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        server.recipients = getattr(server, "recipients", 0) + 1
        if "ten_recipients" in offers and server.recipients > 10:
            return "452 4.5.3 Too many recipients"
        answer = ANSWERS.get(address.split("@")[0])
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        say(mail=base64.b64encode(envelope.content).decode(), to=envelope.rcpt_tos)
        return "250 2.0.0 Ok: queued as JUDGE1"


def authenticate(server, session, envelope, mechanism, given):
    good = given.login == USER and given.password == PASSWORD
    # Unhandled, so that aiosmtpd itself answers 535.
    return smtp.AuthResult(success=good, handled=good)


def own_or(folder, host):
    """Certificate, key and authority: made for a host, or as they stand in files."""
    if host.endswith(".pem"):
        beside = os.path.dirname(host)
        return host, os.path.join(beside, "key.pem"), os.path.join(beside, "ca.pem")
    certificate(folder, host)
    return [os.path.join(folder, name) for name in ("relay.pem", "relay.key", "ca.pem")]


async def main(folder, host):
    chain, key, authority = own_or(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    secured = "starttls" in offers
    hidden = [name for name in ("PLAIN", "LOGIN") if name.lower() not in offers]
    options = dict(require_starttls=True, tls_context=context) if secured else {}

    def relay():
        return Relay(Handler(), hostname="judge.test", authenticator=authenticate, auth_required=True,
                     auth_require_tls=secured, auth_exclude_mechanism=hidden, **options)

    server = await asyncio.get_running_loop().create_server(relay, "127.0.0.1", 0)
    say(port=server.sockets[0].getsockname()[1], authority=authority)
    await asyncio.Event().wait()


def end_with_the_test():
    sys.stdin.read()
    folder.cleanup()
    os._exit(0)


offers = sys.argv[2:]
folder = tempfile.TemporaryDirectory()
threading.Thread(target=end_with_the_test, daemon=True).start()
asyncio.run(main(folder.name, sys.argv[1]))
