"""A relay that verifies the DKIM signatures of each mail with dkimpy and says its findings as one JSON line.

judge_dkimpy.py NAME=RECORD...    what stands in DNS, e.g. s1._domainkey.example.gov.uk.=v=DKIM1; k=rsa; p=...
"""
import asyncio, json, os, sys, threading

import dkim
from aiosmtpd import smtp

records = dict(argument.split("=", 1) for argument in sys.argv[1:])


def say(**report):
    print(json.dumps(report), flush=True)


def look_up(name, timeout=5):
    return records.get(name.decode(), "").encode() or None


def signed(mail, index):
    """The headers that a signature says it covers, in small letters."""
    _, covered, _ = dkim.DKIM(mail).verify_headerprep(index)
    return [name.decode().strip().lower() for name in covered]


def verifies(mail, index):
    try:
        return dkim.DKIM(mail).verify(idx=index, dnsfunc=look_up)
    except dkim.DKIMException:
        return False


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = envelope.original_content
        signatures = mail.split(b"\r\n\r\n")[0].lower().count(b"dkim-signature:")
        both = range(signatures)
        changed = {
            "body": mail.replace(b"020 7641", b"020 7642"),
            "subject": mail.replace(b"\r\nSubject: ", b"\r\nSubject: Fwd: "),
            "second_from": mail.replace(b"\r\nFrom: ", b"\r\nFrom: Somebody <x@example.org>\r\nFrom: ", 1),
            "stop_link": mail.replace(b"/x/", b"/y/", 1),
            "stop_post": mail.replace(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Clicks"),
            "thread": mail.replace(b"References: <", b"References: <x"),
            "second_subject": mail.replace(b"\r\nSubject: ", b"\r\nSubject: Pay here\r\nSubject: ", 1),
        }
        say(signatures=signatures, headers=[signed(mail, index) for index in both],
            good=[verifies(mail, index) for index in both],
            touched={what: it != mail for what, it in changed.items()},
            changed={what: any(verifies(it, index) for index in both) for what, it in changed.items()},
            refolded=[verifies(mail.replace(b"List-Id: ", b"List-Id:   "), index) for index in both])
        return "250 taken"


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: smtp.SMTP(Mailbox(), loop=loop), "127.0.0.1", 0)
    say(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


threading.Thread(target=end_with_the_test, daemon=True).start()
asyncio.run(main())
