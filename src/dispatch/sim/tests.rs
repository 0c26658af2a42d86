//! What the simulation shows.

mod askers;
mod clock_jumps;
mod conformance;
mod crash_loop;
mod fair;
mod figures;
mod incident_order;
mod outage;
mod releasing;
mod runaway;
mod seeded_bugs;
mod seeds;
mod taken_over;
