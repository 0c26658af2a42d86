//! The oyez command.
fn main() {}
