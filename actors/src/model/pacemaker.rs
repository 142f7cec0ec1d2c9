//! The async half of the model's sync actor: a timer, and its heartbeat.

use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::watch;

use super::messages::Tick;

/// Sends `Tick`, waits for the answer, then arms again: at most one tick is ever in flight.
///
/// When the target's mailbox is closed its thread is gone for good, and `on_actor_gone` is called.
pub struct Pacemaker {
    target: Recipient<Tick>,
    every: Duration,
    /// When the target last answered.
    answered: watch::Sender<Instant>,
    on_actor_gone: Option<Box<dyn FnOnce()>>,
}

impl Pacemaker {
    pub fn new(
        target: Recipient<Tick>,
        every: Duration,
        answered: watch::Sender<Instant>,
        on_actor_gone: impl FnOnce() + 'static,
    ) -> Self {
        Self { target, every, answered, on_actor_gone: Some(Box::new(on_actor_gone)) }
    }

    fn arm(&self, ctx: &mut Context<Self>) {
        ctx.run_later(self.every, |this, ctx| {
            let beat = this.target.send(Tick).into_actor(this);
            ctx.spawn(beat.map(|answer, this, ctx| match answer {
                Ok(()) => {
                    this.answered.send_replace(Instant::now());
                    this.arm(ctx);
                }
                Err(_) => this.actor_gone(ctx),
            }));
        });
    }

    fn actor_gone(&mut self, ctx: &mut Context<Self>) {
        if let Some(tell) = self.on_actor_gone.take() {
            tell();
        }
        ctx.stop();
    }
}

impl Actor for Pacemaker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.arm(ctx);
    }
}
