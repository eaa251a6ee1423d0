//! The clients of a [`LineServer`](super::LineServer) and what is sent to them; its threads run here.

use std::io;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use socket2::SockRef;

/// The clients, and what waits for one. Shared by the server's handle and its threads.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// Held while bytes are written, so that they keep their order. Never taken while `state` is held.
    order: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    clients: Vec<Client>,
    /// Sent while nobody was connected.
    waiting: Vec<u8>,
    connections: u64,
    disconnect_after: Option<u64>,
    accepting: bool,
    closed: bool,
    /// The threads that wait for the ends of clients, by connection.
    watchers: Vec<(u64, JoinHandle<()>)>,
}

#[derive(Clone, Debug)]
struct Client {
    connection: u64,
    stream: Arc<TcpStream>,
}

impl Outlet {
    pub(super) fn has_clients(&self) -> bool {
        !self.state.lock().clients.is_empty()
    }

    /// How many there were since the start.
    pub(super) fn connections(&self) -> u64 {
        self.state.lock().connections
    }

    /// Tells the acceptor that comes to go on until [`stop_accepting`](Self::stop_accepting).
    pub(super) fn start_accepting(&self) {
        let mut state = self.state.lock();
        state.accepting = !state.closed;
    }

    /// Tells the acceptor to end when it is woken next.
    pub(super) fn stop_accepting(&self) {
        self.state.lock().accepting = false;
    }

    /// Writes to all clients, or keeps the bytes for the next one.
    pub(super) fn send(&self, bytes: &[u8]) {
        let _order = self.order.lock();
        self.send_in_order(bytes);
    }

    fn send_in_order(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (clients, now) = {
                let mut state = self.state.lock();
                if state.closed {
                    return;
                }
                if state.clients.is_empty() {
                    state.waiting.extend_from_slice(bytes);
                    return;
                }
                (state.clients.clone(), state.before_disconnect(bytes.len()))
            };
            let (first, rest) = bytes.split_at(now);
            for client in clients {
                if (&*client.stream).write_all(first).is_err() {
                    self.forget(client.connection);
                }
            }
            bytes = rest;
            self.state.lock().sent(first.len());
            self.changed.notify_all();
        }
    }

    /// The acceptor's thread.
    pub(super) fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if !self.state.lock().accepting {
                return;
            }
            let added = accepted.and_then(|(stream, _)| self.add(stream));
            if let Err(error) = added {
                log::warn!("the fake line server lost a client: {error}");
            }
        }
    }

    fn add(self: &Arc<Self>, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let _order = self.order.lock();
        let waiting = {
            let mut state = self.state.lock();
            if state.closed {
                return Ok(());
            }
            state.reap_watchers();
            state.connections += 1;
            let client = Client { connection: state.connections, stream: Arc::new(stream) };
            let (outlet, watched) = (Arc::clone(self), client.clone());
            let watch = move || outlet.watch(watched);
            let thread = Builder::new().name("fake-line-client".to_owned()).spawn(watch)?;
            state.watchers.push((client.connection, thread));
            state.clients.push(client);
            std::mem::take(&mut state.waiting)
        };
        self.changed.notify_all();
        self.send_in_order(&waiting);
        Ok(())
    }

    /// A client's thread: clients of a line server do not speak, so a read waits for the end.
    fn watch(&self, client: Client) {
        let mut ignored = [0; 1024];
        while (&*client.stream).read(&mut ignored).is_ok_and(|read| read > 0) {}
        let connection = client.connection;
        drop(client);
        self.forget(connection);
    }

    fn forget(&self, connection: u64) {
        self.state.lock().clients.retain(|client| client.connection != connection);
        self.changed.notify_all();
    }

    pub(super) fn wait_for_clients(&self, timeout: Duration, enough: impl Fn(usize) -> bool) -> bool {
        self.wait(timeout, |state| enough(state.clients.len()))
    }

    pub(super) fn wait_for_connections(&self, timeout: Duration, count: u64) -> bool {
        self.wait(timeout, |state| state.connections >= count)
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state.lock();
        !self.changed.wait_while_for(&mut state, |state| !done(state), timeout).timed_out() || done(&state)
    }

    pub(super) fn disconnect(&self) {
        self.state.lock().disconnect();
        self.changed.notify_all();
    }

    /// Disconnects once so many more bytes were sent.
    pub(super) fn disconnect_after(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.disconnect_after = Some(bytes);
        state.sent(0);
        drop(state);
        self.changed.notify_all();
    }

    /// A connection whose last handle goes while it does not linger is broken off.
    pub(super) fn reset(&self) {
        let clients = std::mem::take(&mut self.state.lock().clients);
        let connections: Vec<_> = clients.iter().map(|client| client.connection).collect();
        for client in clients {
            let _ = SockRef::from(&*client.stream).set_linger(Some(Duration::ZERO));
            let _ = client.stream.shutdown(Shutdown::Read);
        }
        let mut watchers = std::mem::take(&mut self.state.lock().watchers);
        let (broken, others) = watchers.drain(..).partition(|(id, _)| connections.contains(id));
        self.state.lock().watchers.extend::<Vec<_>>(others);
        join(broken);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.accepting = false;
        state.disconnect();
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn join_watchers(&self) {
        let watchers = std::mem::take(&mut self.state.lock().watchers);
        join(watchers);
    }
}

fn join(watchers: Vec<(u64, JoinHandle<()>)>) {
    for (_, thread) in watchers {
        let _ = thread.join();
    }
}

impl State {
    /// How many of so many bytes may be sent before clients are to be disconnected.
    fn before_disconnect(&self, bytes: usize) -> usize {
        let left =
            self.disconnect_after.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        bytes.min(left)
    }

    fn sent(&mut self, bytes: usize) {
        let Some(left) = &mut self.disconnect_after else { return };
        *left = left.saturating_sub(bytes as u64);
        if *left == 0 {
            self.disconnect();
        }
    }

    fn disconnect(&mut self) {
        self.disconnect_after = None;
        for client in self.clients.drain(..) {
            // One that has gone by itself needs no shutting down.
            let _ = client.stream.shutdown(Shutdown::Both);
        }
    }

    fn reap_watchers(&mut self) {
        self.watchers.retain(|(_, thread)| !thread.is_finished());
    }
}
