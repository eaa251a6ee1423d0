//! [`LineServer`]: a text server for tests of socket sources. It serves plain bytes over TCP, as `nc -lk` does, and departs
//! from it so: what is sent while nobody is connected waits for the next client, and what is sent later goes to all clients.
//! `send` writes on the caller's thread; a thread accepts, and one for each client waits for its end.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use parking_lot::Mutex;

use super::kept_port::KeptPort;
use super::outlet::Outlet;
use super::pace::Pace;

/// A text server on a free port of `127.0.0.1`. Dropping it closes it and joins its threads.
///
/// ```
/// use std::io::{BufRead, BufReader, Read};
/// use std::net::TcpStream;
/// use batchmill_sources::fake::LineServer;
///
/// let server = LineServer::start()?;
/// server.send("hello");
/// let client = BufReader::new(TcpStream::connect(server.addr())?);
/// assert_eq!(client.lines().next().unwrap()?, "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LineServer {
    outlet: Arc<Outlet>,
    addr: String,
    port: KeptPort,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    pace: Mutex<Option<Pace>>,
}

impl LineServer {
    /// Starts a server that sends what it is told to.
    ///
    /// # Errors
    /// When there is no free port, or no thread.
    pub fn start() -> io::Result<Self> {
        let (port, listener) = KeptPort::bind(0)?;
        let server = Self {
            outlet: Arc::new(Outlet::default()),
            addr: format!("127.0.0.1:{}", port.number()),
            port,
            acceptor: Mutex::default(),
            pace: Mutex::default(),
        };
        server.accept_on(listener)?;
        Ok(server)
    }

    /// Starts a server that sends `per_second` lines a second, as long as somebody is connected. `line` makes them of
    /// their number, from 0, on a thread of the server.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn generate(per_second: u32, line: impl FnMut(u64) -> String + Send + 'static) -> io::Result<Self> {
        let server = Self::start()?;
        *server.pace.lock() = Some(Pace::start(Arc::clone(&server.outlet), per_second, line)?);
        Ok(server)
    }

    /// Its address, `127.0.0.1:port`.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Sends a line, with a `\n` at its end. Waits while a client does not read; the client's end, its disconnection and
    /// the close of the server end the wait.
    pub fn send(&self, line: &str) {
        self.outlet.send(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are: half a line, and the other half never or later. Waits as [`send`](Self::send) does.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.outlet.send(bytes);
    }

    /// Waits until a client is connected, at most `timeout`: whether one is.
    pub fn wait_for_client(&self, timeout: Duration) -> bool {
        self.outlet.wait_for_clients(timeout, |clients| clients > 0)
    }

    /// Waits until so many connections were made since the start, at most `timeout`: whether they were.
    pub fn wait_for_connections(&self, count: u64, timeout: Duration) -> bool {
        self.outlet.wait_for_connections(timeout, count)
    }

    /// Waits until nobody is connected, at most `timeout`: whether nobody is.
    pub fn wait_for_no_client(&self, timeout: Duration) -> bool {
        self.outlet.wait_for_clients(timeout, |clients| clients == 0)
    }

    /// How many connections were made since the start.
    pub fn connections(&self) -> u64 {
        self.outlet.connections()
    }

    /// Closes all connections. What was sent still arrives.
    pub fn disconnect_clients(&self) {
        self.outlet.disconnect();
    }

    /// Closes all connections once `bytes` more bytes were sent, wherever in a line that is. What is sent beyond them
    /// waits for the next client.
    pub fn disconnect_after(&self, bytes: u64) {
        self.outlet.disconnect_after(bytes);
    }

    /// Breaks all connections off (RST). What is on its way may be lost.
    pub fn reset_clients(&self) {
        self.outlet.reset();
    }

    /// Refuses new connections from now on; those that stand go on.
    pub fn refuse(&self) {
        self.outlet.stop_accepting();
        self.join_acceptor();
    }

    /// Accepts connections again, at the same address.
    ///
    /// # Errors
    /// When somebody else has taken the port meanwhile, or there is no thread.
    pub fn accept_again(&self) -> io::Result<()> {
        if self.acceptor.lock().is_some() {
            return Ok(());
        }
        self.accept_on(self.port.listen()?)
    }

    /// Closes all connections, refuses new ones for good and joins the threads. Dropping the server does the same.
    pub fn close(&self) {
        self.outlet.close();
        *self.pace.lock() = None;
        self.join_acceptor();
        self.outlet.join_watchers();
    }

    fn accept_on(&self, listener: TcpListener) -> io::Result<()> {
        self.outlet.start_accepting();
        let outlet = Arc::clone(&self.outlet);
        let work = move || outlet.accept(&listener);
        let thread = Builder::new().name("fake-line-accept".to_owned()).spawn(work)?;
        *self.acceptor.lock() = Some(thread);
        Ok(())
    }

    /// Wakes the acceptor, which has been told to end.
    fn join_acceptor(&self) {
        let Some(acceptor) = self.acceptor.lock().take() else { return };
        self.port.wake();
        let _ = acceptor.join();
    }
}

impl Drop for LineServer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for LineServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineServer").field("addr", &self.addr).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;

    const WAIT: Duration = Duration::from_secs(60);

    fn client(server: &LineServer) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        BufReader::new(stream)
    }

    fn line(client: &mut impl BufRead) -> String {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn what_is_sent_waits_for_a_client_and_then_goes_to_all() {
        let server = LineServer::start().unwrap();
        server.send("early");
        let mut first = client(&server);
        assert_eq!(line(&mut first), "early\n");
        let mut second = client(&server);
        assert!(server.wait_for_connections(2, WAIT));
        server.send("late");
        assert_eq!([line(&mut first), line(&mut second)], ["late\n", "late\n"]);
        drop(first);
        drop(second);
        assert!(server.wait_for_no_client(WAIT));
        server.send("kept");
        assert_eq!(line(&mut client(&server)), "kept\n");
    }

    #[test]
    fn a_disconnected_client_gets_what_was_sent_and_no_more() {
        let server = LineServer::start().unwrap();
        let mut first = client(&server);
        assert!(server.wait_for_client(WAIT));
        server.disconnect_after(4);
        server.send("abcdef");
        assert_eq!(line(&mut first), "abcd");
        let mut second = client(&server);
        assert_eq!(line(&mut second), "ef\n");
        server.send("x");
        server.disconnect_clients();
        assert_eq!([line(&mut second), line(&mut second)], ["x\n", ""]);
    }

    #[test]
    fn a_reset_is_an_error_at_the_other_end() {
        let server = LineServer::start().unwrap();
        let mut client = client(&server);
        assert!(server.wait_for_client(WAIT));
        server.reset_clients();
        let error = client.read_line(&mut String::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn it_refuses_and_accepts_again_at_the_same_address() {
        let server = LineServer::start().unwrap();
        let mut stays = client(&server);
        assert!(server.wait_for_client(WAIT));
        for _ in 0..3 {
            server.refuse();
            let error = TcpStream::connect(server.addr()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            server.accept_again().unwrap();
        }
        server.send("still here");
        assert_eq!(line(&mut stays), "still here\n");
        drop(client(&server));
        assert!(server.wait_for_connections(2, WAIT));
    }

    #[test]
    fn a_close_ends_a_send_that_waits_for_a_client_to_read() {
        let server = LineServer::start().unwrap();
        let mut client = client(&server);
        assert!(server.wait_for_client(WAIT));
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| server.send_bytes(&vec![b'x'; 64 << 20]));
            client.read_exact(&mut [0]).unwrap();
            server.close();
            sending.join().unwrap();
        });
        assert!(TcpStream::connect(server.addr()).is_err());
    }

    #[test]
    fn generated_lines_come_in_order_to_whoever_is_connected() {
        let server = LineServer::generate(10_000, |n| format!("line {n}")).unwrap();
        let mut client = client(&server);
        for n in 0..1_000 {
            assert_eq!(line(&mut client), format!("line {n}\n"));
        }
        drop(server);
        let mut rest = String::new();
        let ended = io::Read::read_to_string(&mut client, &mut rest);
        assert!(ended.is_ok(), "the last of them came whole");
    }
}
