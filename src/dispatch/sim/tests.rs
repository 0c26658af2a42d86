//! What the simulation shows.

mod conformance;
mod fair;
mod figures;
mod outage;
mod runaway;
mod seeded_bugs;
mod seeds;
