//! [`Server`]: a broker's port. A thread accepts, and one for each connection reads requests and answers them in their order,
//! as a broker does. The test's thread starts and stops it, and joins the threads.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;

use super::cluster::Shared;
use super::connection::Connection;
use super::wire::Wire;
use crate::fake::kept_port::KeptPort;

/// The port of one broker. It keeps it while the broker is stopped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: i32,
    port: KeptPort,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    clients: Arc<Clients>,
}

/// The connections of one broker and their threads.
#[derive(Debug, Default)]
struct Clients {
    connected: Mutex<Vec<Client>>,
}

#[derive(Debug)]
struct Client {
    stream: Arc<TcpStream>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Takes a port, any if it is 0, and does not listen yet. The listener is for [`listen`](Self::listen).
    pub(super) fn bind(id: i32, port: u16, shared: &Arc<Shared>) -> io::Result<(Self, TcpListener)> {
        let (port, listener) = KeptPort::bind(port)?;
        let server = Self {
            id,
            port,
            shared: Arc::clone(shared),
            acceptor: Mutex::default(),
            clients: Arc::default(),
        };
        Ok((server, listener))
    }

    /// Accepts connections. The state says already that the broker runs, since its start of this number.
    pub(super) fn listen(&self, listener: TcpListener, start: u64) -> io::Result<()> {
        let (id, shared, clients) = (self.id, Arc::clone(&self.shared), Arc::clone(&self.clients));
        let work = move || accept(&listener, id, start, &shared, &clients);
        *self.acceptor.lock() = Some(Builder::new().name(format!("fake-kafka-accept-{id}")).spawn(work)?);
        Ok(())
    }

    /// Takes its port again; the listener is for [`listen`](Self::listen).
    pub(super) fn bind_again(&self) -> io::Result<TcpListener> {
        self.port.listen()
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    pub(super) fn is_listening(&self) -> bool {
        self.acceptor.lock().is_some()
    }

    /// Closes all connections; new ones are accepted.
    pub(super) fn disconnect(&self) {
        for client in &*self.clients.connected.lock() {
            // One that has gone by itself needs no shutting down.
            let _ = client.stream.shutdown(Shutdown::Both);
        }
    }

    /// Stops accepting, closes all connections and joins the threads. The state says already that the broker is stopped,
    /// which ends the waits of its connections.
    pub(super) fn stop(&self) {
        let Some(acceptor) = self.acceptor.lock().take() else { return };
        self.port.wake();
        let _ = acceptor.join();
        self.disconnect();
        let connected = std::mem::take(&mut *self.clients.connected.lock());
        for client in connected {
            // A closure of a fault may stop the broker whose connection it runs on; that one ends by itself.
            if client.thread.thread().id() != std::thread::current().id() {
                let _ = client.thread.join();
            }
        }
    }
}

fn accept(listener: &TcpListener, id: i32, start: u64, shared: &Arc<Shared>, clients: &Clients) {
    loop {
        let accepted = listener.accept();
        if !shared.state.lock().runs(id, start) {
            return;
        }
        let added = accepted.and_then(|(stream, _)| clients.add(stream, id, start, shared));
        if let Err(error) = added {
            log::warn!("the fake broker {id} lost a client: {error}");
        }
    }
}

impl Clients {
    fn add(&self, stream: TcpStream, broker: i32, start: u64, shared: &Arc<Shared>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let number = shared.change(|state| {
            state.connections += 1;
            state.connections
        });
        let connection = Connection {
            shared: Arc::clone(shared),
            wire: wire(&stream, shared)?,
            stream: Arc::clone(&stream),
            broker,
            start,
            number,
            #[cfg(feature = "sasl")]
            session: Mutex::default(),
        };
        let thread =
            Builder::new().name(format!("fake-kafka-{broker}-{number}")).spawn(move || connection.run())?;
        let mut connected = self.connected.lock();
        connected.retain(|client| !client.thread.is_finished());
        connected.push(Client { stream, thread });
        Ok(())
    }
}

/// What the connection's thread reads and writes.
fn wire(stream: &Arc<TcpStream>, shared: &Shared) -> io::Result<Wire> {
    #[cfg(feature = "tls")]
    if let Some(config) = shared.state.lock().tls.clone() {
        return Wire::tls(Arc::clone(stream), config);
    }
    let _ = shared;
    Ok(Wire::Plain(Arc::clone(stream)))
}
