//! The async half of the model's sync actor: a timer, and its heartbeat.

use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::watch;

use super::messages::Tick;

/// Sends `Tick`, waits for the answer, then arms again: at most one tick is ever in flight.
///
/// When the target's mailbox is closed its thread has stopped for good, and `on_actor_stop` is called.
pub struct Pacemaker {
    target: Recipient<Tick>,
    every: Duration,
    /// When the target last answered.
    answered: watch::Sender<Instant>,
    on_actor_stop: Option<Box<dyn FnOnce()>>,
}

impl Pacemaker {
    pub fn new(
        target: Recipient<Tick>,
        every: Duration,
        answered: watch::Sender<Instant>,
        on_actor_stop: impl FnOnce() + 'static,
    ) -> Self {
        Self { target, every, answered, on_actor_stop: Some(Box::new(on_actor_stop)) }
    }

    fn arm(&self, ctx: &mut Context<Self>) {
        ctx.run_later(self.every, |this, ctx| {
            let beat = this.target.send(Tick).into_actor(this);
            ctx.spawn(beat.map(|answer, this, ctx| match answer {
                Ok(()) => {
                    this.answered.send_replace(Instant::now());
                    this.arm(ctx);
                }
                Err(_) => this.actor_stopped(ctx),
            }));
        });
    }

    fn actor_stopped(&mut self, ctx: &mut Context<Self>) {
        if let Some(report) = self.on_actor_stop.take() {
            report();
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
