//! The actors of Verbatim: thin shells round the pure state machines in [`domain`], which reach the
//! world through [`ports`] only.

pub mod clock;
pub mod domain;
pub mod exchange;
mod isolation;
pub mod job;
mod measures;
pub mod model;
pub mod notifier;
pub mod observe;
mod panics;
pub mod peers;
pub mod ports;
pub mod pull;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod worker;

#[cfg(test)]
mod random_walk;
