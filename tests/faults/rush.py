"""Requests without end from one process: so many at once, or so many a second, over connections that stay open."""
import asyncio, collections, json, multiprocessing, time

# How long one answer is waited for.
PATIENCE_SECONDS = 120


class Call:
    """One request and what came of it."""

    def __init__(self, method, path, headers=None, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        head = {"Host": "127.0.0.1", **(headers or {}), **({"Content-Type": "application/json", "Content-Length": len(data)} if data else {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        self.bytes = "\r\n".join(lines).encode() + b"\r\n\r\n" + data
        self.status = self.seconds = self.headers = self.body = None


async def converse(reader, writer, call):
    """Sends one request over an open connection and reads its answer."""
    began = time.monotonic()
    writer.write(call.bytes)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    call.status = int(head[0].split(" ")[1])
    call.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    call.body = await reader.readexactly(int(call.headers.get("content-length", 0)))
    call.seconds = time.monotonic() - began


def refused_until(call):
    """Seconds after which to come back, if the answer says so."""
    if call.status in (429, 503) and "retry-after" in call.headers:
        return int(call.headers["retry-after"])
    return None


async def insist(port, call, told):
    """A connection of its own; who is told to come back does so, as often as it takes."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await converse(reader, writer, call)
        finally:
            writer.close()
        pause = refused_until(call)
        if pause is None:
            return
        told.append(pause)
        await asyncio.sleep(pause)


async def all_at_once(port, calls):
    told, broken = [], []

    async def one(call):
        try:
            await asyncio.wait_for(insist(port, call, told), PATIENCE_SECONDS)
        except (OSError, EOFError, TimeoutError, asyncio.TimeoutError) as why:
            broken.append(repr(why))
    await asyncio.gather(*map(one, calls))
    return {"told_to_come_back": len(told), "broken": broken}


async def steadily(port, calls, per_second, connections):
    """`calls` at a steady pace over connections that stay open; one that was closed is opened again."""
    began, turn, broken = time.monotonic(), iter(enumerate(calls)), []

    async def lane():
        reader = writer = None
        for n, call in turn:
            await asyncio.sleep(max(0, began + n / per_second - time.monotonic()))
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.wait_for(converse(reader, writer, call), PATIENCE_SECONDS)
                closing = call.headers.get("connection") == "close"
            except (OSError, EOFError, TimeoutError, asyncio.TimeoutError) as why:
                broken.append(repr(why))
                closing = True
            if closing and writer:
                writer.close()
                reader = writer = None
    await asyncio.gather(*(lane() for _ in range(connections)))
    return {"seconds": time.monotonic() - began, "broken": broken}


def summary(calls, more):
    """What a process hands back: small enough for a pipe."""
    return {**more, "statuses": dict(collections.Counter(call.status for call in calls)),
            "seconds_each": sorted(call.seconds for call in calls if call.seconds is not None),
            "odd": [call.body.decode() for call in calls if call.status not in (200, 201, 204, 503, None)][:3],
            "made": [json.loads(call.body)["id"] for call in calls if call.status == 201]}


class Rush:
    """Some sort of request, sent by a process of its own from the moment that all are ready."""

    def __init__(self, start, port, calls, per_second=None, connections=None):
        self.results, sender = multiprocessing.Pipe(False)
        self.process = multiprocessing.Process(target=self.run, args=(start, sender, port, calls, per_second, connections), daemon=True)
        self.process.start()

    @staticmethod
    def run(start, results, port, calls, per_second, connections):
        start.wait()
        work = steadily(port, calls, per_second, connections) if per_second else all_at_once(port, calls)
        results.send(summary(calls, asyncio.run(work)))

    def join(self):
        found = self.results.recv()
        self.process.join()
        return found
