//! [`Server`]: a broker's port. A thread accepts, and one for each connection reads requests and answers them in their order,
//! as a broker does. The test's thread starts and stops it, and joins the threads.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};

use super::cluster::Shared;
use super::connection::Connection;
use super::wire::Wire;

/// The port of one broker. It keeps it while the broker is stopped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: i32,
    pub(super) port: u16,
    /// Keeps the port while nobody listens. None where the system does not let two sockets have one port.
    _reserved: Option<Socket>,
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let server = Self {
            id,
            port,
            _reserved: reserve(port).ok(),
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
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
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
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        // Only a full backlog makes this fail, and then the acceptor has enough to wake it.
        let _ = TcpStream::connect_timeout(&addr, Duration::from_secs(1));
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

/// A second socket on the port that does not listen, so that the system gives the port to nobody else.
fn reserve(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}
