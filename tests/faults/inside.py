"""Promises that need another kind of stage: time that can be set, chance that can be repeated, or every order there is. Tests of
the Rust code show them.
"""
from rust import rust

# What the invariants say that the simulation judges.
JUDGED = "P1 P2 P8 P10 P11 P13 P23 P26 P30 P33 P36 I6 I16"

rust("simulation", JUDGED,
     "The whole engine on one thread, with time, chance, store and providers made from a seed: through crashes, power failures, lost "
     "answers, outages, throttling, clocks that are set and people who hold, stop and correct, no invariant is broken in any of 2,000 "
     "seeds, and a seed always tells the same story.",
     "test(/^sim::tests::seeds::(no_seed|a_seed)/)", seconds=400, busy=True, at_night={"OYEZ_SIM_SEEDS": "1000000"},
     bounds={"seeds": {"at_least": 2000}, "broken": {"equals": 0}})
rust("known_bugs", JUDGED,
     "The judges can judge: each of nine known bugs, switched on alone, is found within 500 seeds of the simulation, and those that "
     "live in SQL by the suite that every store has to pass.",
     "test(/^sim::tests::seeded_bugs/) | test(/^sqlite::tests::seeded/)", seconds=400, busy=True,
     bounds={"known": {"equals": 9}, "found": {"equals": 9}, "most_seeds": {"at_most": 500}})
rust("long_outage", "P8", "An hour of outage is tried less than 240 times, costs nobody an attempt, and ends within 20 s and slowly.",
     "test(/^breaker::/) | test(/^sim::tests::outage/)",
     bounds={"charged": {"equals": 0}, "resumed_after_seconds": {"at_most": 20}})
rust("receipt_orders", "P30", "All 5,040 orders of seven receipts, and of attempts and receipts, end in one state; so does what SQLite "
     "makes of hundreds of deliveries whose receipts come in any order, through a crash.",
     "test(/all_5040_orders/) | test(receipts_in_any_order_end_in_one_state)")
rust("panic", "P20", "A message that makes an adapter panic is put aside as unknown; everybody else is served.", "test(/^panics::/)")
rust("runaway", "P28", "A ledger that forgets every outcome cannot make a channel repeat itself: no more than a hundredth more than "
     "there are recipients leaves, and the channel is held within a second and says why.",
     "test(/^sim::tests::runaway/) | test(/^runaway::/)",
     bounds={"sends": {"at_most": 1018}, "last_send_after_the_hold_seconds": {"at_most": 1}})
rust("stop", "P34", "After a stop nothing new leaves, and what is said to have left is what has left; what is held goes on later and "
     "reaches each once.", "test(/^stopping::/)")
rust("opt_out", "I6", "Whoever says stop gets nothing more, wherever in the queue they are waiting.", "test(/^opt_out::/)")
rust("incident_order", "I16", "Within one incident nobody gets an older update after a newer one, in 1,000 random schedules of holds, "
     "crashes, corrections and urgent updates, judged by what the played providers took.",
     "test(/^incident_order::/) | test(/^sim::tests::incident_order/)",
     bounds={"schedules": {"at_least": 1000}, "broken": {"equals": 0}})
