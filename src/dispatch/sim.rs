//! The simulator: the engine on one thread, with time, chance, store and providers all made from one seed.
//!
//! The engine is the real one, on a tokio runtime that knows no time of its own. Whenever it has nothing left to do,
//! the clock moves on to the next thing that happens, inside the program or outside it. A crash drops the runtime,
//! and with it every task at the point where it waited; the store and the providers live on.

mod bugs;
mod chance;
mod judge;
mod people;
mod program;
mod provider;
mod run;
mod scenario;
mod store;
mod tests;
mod time;
mod trace;
mod weather;
mod world;
