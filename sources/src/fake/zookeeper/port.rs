//! [`Port`]: where one server of the ensemble listens. A thread accepts; the test's thread starts and stops it, and joins the
//! threads.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;

use super::connection::Connection;
use super::state::{Client, Shared};
use crate::fake::kept_port::KeptPort;

/// A port of loopback. It is kept while the server is stopped.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) server: usize,
    port: KeptPort,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    threads: Arc<Threads>,
}

/// The threads of a server's connections.
type Threads = Mutex<Vec<JoinHandle<()>>>;

impl Port {
    pub(super) fn bind(server: usize, shared: &Arc<Shared>) -> io::Result<(Self, TcpListener)> {
        let (port, listener) = KeptPort::bind(0)?;
        let (shared, acceptor, threads) = (Arc::clone(shared), Mutex::default(), Arc::default());
        Ok((Self { server, port, shared, acceptor, threads }, listener))
    }

    /// Accepts connections. The state says already that the server runs, since its start of this number.
    pub(super) fn listen(&self, listener: TcpListener, start: u64) -> io::Result<()> {
        let (server, shared, threads) = (self.server, Arc::clone(&self.shared), Arc::clone(&self.threads));
        let work = move || accept(&listener, server, start, &shared, &threads);
        let thread = Builder::new().name(format!("fake-zk-accept-{server}")).spawn(work)?;
        *self.acceptor.lock() = Some(thread);
        Ok(())
    }

    pub(super) fn bind_again(&self) -> io::Result<TcpListener> {
        self.port.listen()
    }

    pub(super) fn number(&self) -> u16 {
        self.port.number()
    }

    /// Stops accepting, closes all connections and joins the threads. The state says already that the server is stopped.
    pub(super) fn stop(&self) {
        let Some(acceptor) = self.acceptor.lock().take() else { return };
        self.port.wake();
        let _ = acceptor.join();
        self.shared.change(|state, _| {
            for client in state.clients.values().filter(|client| client.server == self.server) {
                let _ = client.stream.shutdown(Shutdown::Both);
            }
        });
        for thread in std::mem::take(&mut *self.threads.lock()) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, server: usize, start: u64, shared: &Arc<Shared>, threads: &Threads) {
    loop {
        let accepted = listener.accept();
        if !shared.state.lock().runs(server, start) {
            return;
        }
        let added = accepted.and_then(|(stream, _)| add(stream, server, start, shared, threads));
        if let Err(error) = added {
            log::warn!("the fake ZooKeeper {server} lost a client: {error}");
        }
    }
}

fn add(
    stream: TcpStream,
    server: usize,
    start: u64,
    shared: &Arc<Shared>,
    threads: &Threads,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Arc::new(stream);
    let number = shared.change(|state, _| {
        state.connections += 1;
        let client = Client {
            server,
            stream: Arc::clone(&stream),
            session: None,
            identities: Vec::new(),
            data_watches: Default::default(),
            child_watches: Default::default(),
            outbox: Default::default(),
            closing: false,
        };
        state.clients.insert(state.connections, client);
        state.connections
    });
    let connection = Connection { shared: Arc::clone(shared), stream, server, start, number };
    let writer = connection.clone();
    let mut threads = threads.lock();
    threads.retain(|thread| !thread.is_finished());
    let named = |what| Builder::new().name(format!("fake-zk-{what}-{number}"));
    threads.push(named("write").spawn(move || writer.write())?);
    threads.push(named("read").spawn(move || connection.read())?);
    Ok(())
}
