//! A door to the server at which a test can do something just before a write
//! passes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::openbao::OpenBao;

/// A URL behind which the server is.
pub struct Interposer {
    pub url: String,
}

impl Interposer {
    /// Calls `before` with the number of each write, from 1, and the name of
    /// its entry, before the server sees it.
    pub fn new(server: &OpenBao, before: impl Fn(usize, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = server.url().trim_start_matches("http://").to_owned();
        let (before, count) = (Arc::new(before), Arc::new(AtomicUsize::new(0)));
        // The thread and its port go with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = TcpStream::connect(&target).unwrap();
                let (answers, asker) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pump(answers, asker));
                let (before, count) = (before.clone(), count.clone());
                thread::spawn(move || forward(client, upstream, &count, &*before));
            }
        });
        Self { url }
    }
}

/// Passes requests on. A client waits for the answer before its next request,
/// so that what is read at once never begins in the middle of one.
fn forward(
    mut client: TcpStream,
    mut upstream: TcpStream,
    count: &AtomicUsize,
    before: &dyn Fn(usize, &str),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..length];
        if bytes.starts_with(b"POST ") {
            let line = String::from_utf8_lossy(bytes);
            let path = line.split(' ').nth(1).unwrap_or_default();
            let entry = path.rsplit('/').next().unwrap_or_default();
            before(count.fetch_add(1, Ordering::SeqCst) + 1, entry);
        }
        if upstream.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
