//! The right to run on the loaded model.

use std::sync::Arc;

use actix::prelude::*;

use crate::domain::model::models::ModelNo;
use crate::ports::LoadedModel;

/// A lease of that generation was given back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Released {
    pub generation: u64,
}

/// Keeps the model from being unloaded. Dropping it, even while unwinding, gives it back.
pub struct Lease {
    model: Arc<dyn LoadedModel>,
    number: ModelNo,
    generation: u64,
    home: Recipient<Released>,
}

impl Lease {
    pub(super) fn new(
        model: Arc<dyn LoadedModel>,
        number: ModelNo,
        generation: u64,
        home: Recipient<Released>,
    ) -> Self {
        Self { model, number, generation, home }
    }

    pub fn model(&self) -> &dyn LoadedModel {
        self.model.as_ref()
    }

    /// Which of the models it is.
    pub fn number(&self) -> ModelNo {
        self.number
    }

    /// Which load it belongs to, counted from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.home.do_send(Released { generation: self.generation });
    }
}
