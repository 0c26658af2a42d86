"""What is promised, by number: each has a row that shows it, or it does not stand here nor in any document.

A number is kept for good: tests, issues and the page that is published name promises by it. Those that begin with I are
invariants that `oyez verify` judges by the same number.
"""

PROMISES = {
    "P1": "What was acknowledged is durable.",
    "P2": "A crash loses nobody, and what it can repeat is bounded.",
    "P3": "Nor does a power failure lose anybody.",
    "P4": "A failed fsync ends the program; it never goes on after one.",
    "P5": "A full disk loses nothing that was acknowledged.",
    "P6": "A database that another program locks delays, and no more than that.",
    "P7": "The write-ahead log cannot eat the disk.",
    "P8": "A provider that is down costs no recipient anything.",
    "P9": "A provider that is slow keeps nothing but its own requests.",
    "P10": "A provider's Retry-After is kept.",
    "P11": "What may have been sent is never guessed about.",
    "P12": "Names that cannot be resolved cost no recipient anything, and names known before still work.",
    "P13": "A clock that jumps expires nothing and hurries nothing.",
    "P14": "The same request twice has one effect.",
    "P20": "A message that ends the program is put aside; everybody else is served.",
    "P22": "An urgent update overtakes whatever is waiting.",
    "P23": "An orderly end leaves nothing in doubt.",
    "P24": "A bad configuration takes nothing down.",
    "P25": "A damaged, copied or restored database sends nothing wrong, and asks before it sends anything.",
    "P26": "A provider that refuses our password stops its channel, and nobody is charged.",
    "P27": "A mistake at the desk is noticed before anybody gets a message.",
    "P28": "A channel cannot repeat itself without end, whatever the ledger says.",
    "P29": "A rush of requests loses none that was taken, and keeps out nothing that a provider tells.",
    "P30": "Receipts may come early, late, twice, in any order or from a forger.",
    "P33": "Of two providers one can die, and nobody is reached twice by the switch.",
    "P34": "A stop stops, and says truly what had left.",
    "P36": "What the screen says is true.",
    "I6": "Whoever says stop gets nothing more.",
    "I16": "Within one incident nobody gets an older update after a newer one.",
}


def shown_by(rows):
    """The rows that show each promise."""
    return {number: [row for row in rows if number in row.promises] for number in PROMISES}


def unshown(rows):
    """Promises without a row."""
    return [number for number, found in shown_by(rows).items() if not found]
