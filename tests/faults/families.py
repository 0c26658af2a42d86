"""Every row, family by family, in the order in which they run; and the tools that some of them need."""
import kills, outages, doubts, ending, submitting, urgency, reports, partners

# Programs that tests/tools/fetch gets for a row.
TOOLS = {}
# Rows that run tests of the Rust code.
RUST = set()
