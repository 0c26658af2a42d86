"""Every row, family by family, in the order in which they run; and the tools that some of them need."""
import kills, power, disks, databases, copies, clocks, outages, failover, resolving, misconfigured, mistakes, poison, doubts, ending, submitting, pressure, urgency, reports, screens, partners, inside

# Programs that tests/tools/fetch gets for a row.
TOOLS = {"fsync": ("strace",), "power": ("strace",), "clock": ("libfaketime",)}

# tests/faults/rust.py: rust(row, promise, nextest filter)
