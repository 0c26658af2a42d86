"""Reads a feed with feedparser and says as one JSON line what a reader would show.

judge_feedparser.py FILE
"""
import json, sys

import feedparser

with open(sys.argv[1], "rb") as file:
    feed = feedparser.parse(file.read())


def link(entry, kind):
    return [link.href for link in entry.links if link.rel == "alternate" and link.type == kind]


entries = [{
    "id": entry.id, "title": entry.title, "published": entry.published, "updated": entry.updated,
    "page": link(entry, "text/html"), "alert": link(entry, "application/cap+xml"), "content": entry.content[0].value,
} for entry in feed.entries]
fault = str(feed.bozo_exception) if feed.bozo else None
print(json.dumps({"version": feed.version, "fault": fault, "id": feed.feed.id, "updated": feed.feed.updated,
                  "entries": entries}), flush=True)
