//! Downloads of models: the handle in front of them, and an engine whose model is downloaded when it is missing.

mod handle;
mod on_demand;
mod reload;

pub use handle::PullHandle;
pub use on_demand::OnDemand;
pub use reload::{Pulled, load_pulled};

#[cfg(test)]
mod tests;
