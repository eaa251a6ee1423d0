//! A crossbeam channel as a source.

use crossbeam_channel as channel;

use super::{Receiver, ReceiverHandle};
use crate::Data;
use crate::error::SourceError;

/// Moves what comes out of a channel into blocks, until the channel is disconnected or the context stops. What
/// is still in the channel then stays there.
#[derive(Debug)]
pub(crate) struct ChannelReceiver<T> {
    records: channel::Receiver<T>,
}

impl<T> ChannelReceiver<T> {
    pub(crate) fn new(records: channel::Receiver<T>) -> Self {
        Self { records }
    }
}

impl<T: Data> Receiver<T> for ChannelReceiver<T> {
    fn name(&self) -> String {
        "channel".to_owned()
    }

    fn run(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError> {
        loop {
            channel::select! {
                recv(self.records) -> record => match record {
                    Ok(record) => handle.store(record)?,
                    Err(channel::RecvError) => return Ok(()),
                },
                recv(handle.stopped()) -> _ => return Ok(()),
            }
        }
    }
}
