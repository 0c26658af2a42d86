"""Promises that need another kind of stage: time that can be set, or every order there is. Tests of the Rust code show them."""
from rust import rust

rust("long_outage", "An hour of outage is tried less than 240 times, costs nobody an attempt, and ends slowly.",
     "test(/^breaker::/)")
rust("receipt_orders", "All 5,040 orders of seven receipts, and of attempts and receipts, end in one state.",
     "test(/all_5040_orders/)")
rust("poison", "A message that makes an adapter fail is put aside as unknown; everybody else is served.", "test(/^panics::/)")
rust("stop", "After a stop nothing new leaves, and what is said to have left is what has left; what is held goes on later and reaches "
     "each once.", "test(/^stopping::/)")
rust("opt_out", "Whoever says stop gets nothing more, wherever in the queue they are waiting.", "test(/^opt_out::/)")
rust("incident_order", "Within one incident nobody gets an older update after a newer one.", "test(/^incident_order::/)")
