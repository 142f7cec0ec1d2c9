//! A process that does not outlive its owner.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};

/// A child in a process group of its own; all of the group is killed when this is dropped.
pub struct Process {
    child: Child,
}

impl Process {
    pub fn start(mut command: Command) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Self { child };
        match (stdout, stderr) {
            (Some(stdout), Some(stderr)) => Ok((process, stdout, stderr)),
            _ => Err(io::Error::other("it has no pipes")),
        }
    }

    /// How it ended. Its stdout is closed already, so it has no more to say.
    ///
    /// # Blocking
    /// Until it has ended.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    #[cfg(test)]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The number of a child that has been waited for may belong to another process by now.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            kill_group(&mut self.child);
            let _ = self.child.wait();
        }
    }
}

#[cfg(unix)]
fn kill_group(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill_group(child: &mut Child) {
    let _ = child.kill();
}
