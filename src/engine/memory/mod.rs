//! The memory that a load needs, and whether it is free.

pub(super) mod estimate;
pub(super) mod ledger;
