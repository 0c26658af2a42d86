"""What the providers' log shows: who was reached when, copies, gaps and speeds."""
import json, os


def records(path, start=0):
    """The whole lines of a log from byte `start` on."""
    if not os.path.exists(path):
        return []
    with open(path) as f:
        f.seek(start)
        return [json.loads(line) for line in f if line.endswith("\n")]


def write(path, found):
    """Another log of these lines."""
    with open(path, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in found)


def effects(found, channel=None):
    """What reached somebody."""
    return [r for r in found if r["effect"] and channel in (None, r["channel"])]


def by_recipient(found):
    """When each recipient of each channel was reached."""
    times = {}
    for r in effects(found):
        times.setdefault((r["channel"], r["to"], r["key"]), []).append(r["t_us"])
    return times


def copies(found, crashes, slack_us=100_000):
    """Copies by channel, the most copies of one message, copies that no crash explains, and third copies from one crash.

    What was under way at a crash may be logged a moment after it.
    """
    by_channel, unexplained, thirds, most = {}, 0, 0, 0
    for (channel, *_), at in by_recipient(found).items():
        by_channel[channel] = by_channel.get(channel, 0) + len(at) - 1
        most = max(most, len(at))
        spent = set()
        for a, b in zip(at, at[1:]):
            causes = [crash for crash in crashes if a - slack_us <= crash <= b]
            fresh = [crash for crash in causes if crash not in spent]
            unexplained += not causes
            thirds += bool(causes) and not fresh
            spent.update(fresh[:1])
    return {"by_channel": by_channel, "most": most, "unexplained": unexplained, "thirds": thirds}


def most_in_a_second(times):
    """The fullest second, by sliding."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 1_000_000:
            first += 1
        most = max(most, last - first + 1)
    return most


def rate(times):
    """Messages a second from the first to the last."""
    return (len(times) - 1) / (times[-1] - times[0]) * 1e6 if len(times) > 1 and times[-1] > times[0] else 0.0


def quantile(values, share):
    """The value below which `share` of all lie; nothing of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
