//! The one judge.
