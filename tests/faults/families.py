"""Every row, family by family, in the order in which they run; and the tools that some of them need."""
import kills, disks, databases, copies, clocks, outages, doubts, ending, submitting, urgency, reports, partners

# Programs that tests/tools/fetch gets for a row.
TOOLS = {"fsync": ("strace",), "clock": ("libfaketime",)}
# Rows that run tests of the Rust code.
RUST = set()
