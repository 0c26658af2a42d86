//! One delivery.
