//! [`KeptPort`]: a port of loopback that stays a fake server's own while nobody listens there, so that no other server of the
//! machine gets it, and its clients, meanwhile.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// A port, kept until it is dropped.
#[derive(Debug)]
pub(super) struct KeptPort {
    number: u16,
    /// A second socket on the port, which never listens. None where the system does not let two sockets have one port: there
    /// somebody else may get it while nobody listens.
    _keeper: Option<Socket>,
}

impl KeptPort {
    /// Takes a port, any that is free if it is 0, with its first listener.
    pub(super) fn bind(number: u16) -> io::Result<(Self, TcpListener)> {
        // The keeper comes first: beside one that listens already the system takes no other.
        let kept = keep(number).and_then(|(keeper, number)| {
            let port = Self { number, _keeper: Some(keeper) };
            let listener = port.listen()?;
            Ok((port, listener))
        });
        kept.or_else(|_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
            Ok((Self { number: listener.local_addr()?.port(), _keeper: None }, listener))
        })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Listens there again, once the listener before was dropped.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number))
    }

    /// Wakes who accepts there, with a connection of our own.
    pub(super) fn wake(&self) {
        // Only a full backlog makes this fail, and then there is enough to wake him.
        let _ = TcpStream::connect_timeout(&address(self.number), Duration::from_secs(1));
    }
}

fn keep(number: u16) -> io::Result<(Socket, u16)> {
    let keeper = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    keeper.set_reuse_address(true)?;
    keeper.bind(&address(number).into())?;
    let number = keeper.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?.port();
    Ok((keeper, number))
}

fn address(number: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_at_which_nobody_listens_refuses_and_comes_back() {
        let (port, listener) = KeptPort::bind(0).unwrap();
        drop(listener);
        assert!(TcpStream::connect(address(port.number())).is_err(), "nobody listens");
        let listener = port.listen().unwrap();
        port.wake();
        listener.accept().unwrap();
        assert!(KeptPort::bind(port.number()).is_err(), "it is taken");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_else_gets_a_port_at_which_nobody_listens() {
        let (port, listener) = KeptPort::bind(0).unwrap();
        drop(listener);
        // Without the address reuse that lets the port's own listener in.
        let other = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        assert!(other.bind(&address(port.number()).into()).is_err());
        let number = port.number();
        drop(port);
        other.bind(&address(number).into()).unwrap();
    }
}
