//! The actors of Verbatim: thin shells round the pure state machines in [`domain`], which reach the
//! world through [`ports`] only.

pub mod domain;
pub mod ports;
