//! A proxy before the server that does wrong by a request, once or each time.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request that passes.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// All of it, as it came.
    bytes: Vec<u8>,
}

/// What is done to a request.
#[derive(Clone)]
pub enum Fault {
    /// Nobody listens for this long. The request is not answered.
    Refused(Duration),
    /// The connection ends before the request reaches the server.
    Lost,
    /// The server does it, and the connection ends without an answer.
    Unanswered,
    /// The server does it, and the connection ends in the middle of the body.
    ResetInBody,
    /// The server does it, and the answer takes this long to begin.
    Slow(Duration),
    /// The proxy answers in place of the server, which does nothing.
    Answer(u16, &'static str, &'static str),
    /// The server does it, and the proxy answers something else.
    AnswerAfter(u16, &'static str, &'static str),
    /// The server does it, and the body is cut with a length that fits.
    Truncated,
    /// The server does it, and the length is more than what comes.
    TooLong,
    /// The server does it, and the length is less than what comes.
    TooShort,
    /// The proxy redirects to the server, or to somewhere, with a status.
    Redirect(u16, Option<&'static str>),
    /// Something is done first; then the request passes.
    First(Arc<dyn Fn() + Send + Sync>),
}

type Choose = dyn Fn(&Request) -> Option<Fault> + Send + Sync;

/// A URL behind which the server is.
pub struct Proxy {
    pub url: String,
    state: Arc<State>,
}

struct State {
    /// The servers, of which any will do.
    targets: Vec<SocketAddr>,
    choose: Box<Choose>,
    faults: AtomicUsize,
    /// How long nobody is to listen, from now on.
    closed_for: Mutex<Option<Duration>>,
    ends: AtomicBool,
}

impl Proxy {
    /// Stands before the server at a URL. `choose` says what is done to a
    /// request; where it says nothing, the request passes.
    pub fn new(
        server: &str,
        choose: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self::before(vec![server.trim_start_matches("http://").parse().unwrap()], choose)
    }

    /// Stands before several servers, of which any will do.
    pub fn before(
        targets: Vec<SocketAddr>,
        choose: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            targets,
            choose: Box::new(choose),
            faults: AtomicUsize::new(0),
            closed_for: Mutex::new(None),
            ends: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || listen(listener, address, &shared));
        Self { url: format!("http://{address}"), state }
    }

    /// How many requests were done wrong by.
    pub fn faults(&self) -> usize {
        self.state.faults.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
    }
}

fn listen(mut listener: TcpListener, address: SocketAddr, state: &Arc<State>) {
    listener.set_nonblocking(true).unwrap();
    while !state.ends.load(Ordering::SeqCst) {
        let closed_for = state.closed_for.lock().unwrap().take();
        if let Some(time) = closed_for {
            drop(listener);
            thread::sleep(time);
            listener = TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
        }
        match listener.accept() {
            Ok((client, _)) => {
                client.set_nonblocking(false).unwrap();
                let state = Arc::clone(state);
                thread::spawn(move || serve(client, &state));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Serves one client's connection, request by request.
fn serve(mut client: TcpStream, state: &State) {
    let mut waiting = Vec::new();
    while let Some(request) = read_request(&mut client, &mut waiting) {
        let fault = (state.choose)(&request);
        if fault.is_some() {
            state.faults.fetch_add(1, Ordering::SeqCst);
        }
        let pass = || exchange(&state.targets, &request);
        let answer = match fault {
            None => Some(pass()),
            Some(Fault::First(act)) => {
                act();
                Some(pass())
            }
            Some(Fault::Refused(time)) => {
                *state.closed_for.lock().unwrap() = Some(time);
                None
            }
            Some(Fault::Lost) => None,
            Some(Fault::Unanswered) => {
                pass();
                None
            }
            Some(Fault::ResetInBody) => {
                let answer = pass();
                let end = head_length(&answer).unwrap();
                let half = end + (answer.len() - end) / 2;
                let _ = client.write_all(&answer[..half]);
                None
            }
            Some(Fault::Slow(time)) => {
                let answer = pass();
                thread::sleep(time);
                Some(answer)
            }
            Some(Fault::Answer(status, headers, body)) => Some(make(status, headers, body.into())),
            Some(Fault::AnswerAfter(status, headers, body)) => {
                pass();
                Some(make(status, headers, body.into()))
            }
            Some(Fault::Truncated) => {
                let (status, mut body) = parts(&pass());
                body.truncate(body.len() / 2);
                Some(make(status, "", body))
            }
            Some(Fault::TooLong) => {
                let (status, body) = parts(&pass());
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len() + 9);
                let _ = client.write_all(&[head.as_bytes(), &body].concat());
                None
            }
            Some(Fault::TooShort) => {
                let (status, body) = parts(&pass());
                let length = body.len().saturating_sub(9);
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
                Some([head.as_bytes(), &body].concat())
            }
            Some(Fault::Redirect(status, to)) => {
                let to = match to {
                    Some(to) => to.to_owned(),
                    None => format!("http://{}{}", state.targets[0], request.path),
                };
                let head = format!("Location: {to}\r\n");
                Some(make(status, &head, Vec::new()))
            }
        };
        let is_whole = |answer: &Vec<u8>| head_length(answer).is_some();
        let sent = answer.filter(is_whole).is_some_and(|answer| client.write_all(&answer).is_ok());
        if !sent {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

fn read_request(client: &mut TcpStream, waiting: &mut Vec<u8>) -> Option<Request> {
    let mut buffer = [0; 1 << 14];
    loop {
        if let Some(end) = head_length(waiting) {
            let length = end + content_length(&waiting[..end]);
            if waiting.len() >= length {
                let bytes: Vec<u8> = waiting.drain(..length).collect();
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let mut words = head.split(' ').map(str::to_owned);
                let (method, path) = (words.next()?, words.next()?);
                return Some(Request { method, path, bytes });
            }
        }
        match client.read(&mut buffer) {
            Ok(length @ 1..) => waiting.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
}

/// Sends a request to the first server that listens, and reads all of its
/// answer, as far as it comes.
fn exchange(targets: &[SocketAddr], request: &Request) -> Vec<u8> {
    let server = targets.iter().find_map(|target| TcpStream::connect(target).ok());
    let Some(mut server) = server else { return Vec::new() };
    let _ = server.write_all(&request.bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 1 << 14];
    loop {
        if let Some(end) = head_length(&answer) {
            let is_whole = match is_chunked(&answer[..end]) {
                true => answer.ends_with(b"\r\n0\r\n\r\n"),
                false => answer.len() >= end + content_length(&answer[..end]),
            };
            if is_whole {
                return answer;
            }
        }
        match server.read(&mut buffer) {
            Ok(length @ 1..) => answer.extend_from_slice(&buffer[..length]),
            _ => return answer,
        }
    }
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}

fn is_chunked(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).to_ascii_lowercase().contains("transfer-encoding: chunked")
}

/// The status and the body of an answer that came in one piece.
fn parts(answer: &[u8]) -> (u16, Vec<u8>) {
    let end = head_length(answer).unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[end..].to_vec())
}

fn make(status: u16, headers: &str, body: Vec<u8>) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.into_bytes(), body].concat()
}
