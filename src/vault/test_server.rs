//! A server on the loopback interface that says what a test tells it to.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does about one request.
pub(super) enum Act {
    /// Answers: status line, headers and body as they are.
    Answer(String),
    /// Closes the connection.
    HangUp,
    /// Says nothing for a while, then closes the connection.
    Stall(Duration),
}

/// A request that arrived.
#[derive(Clone)]
pub(super) struct Received {
    /// The method and the path with its query.
    pub(super) line: String,
    /// The headers, one a line, in lower case.
    pub(super) headers: String,
    /// The body.
    pub(super) body: String,
}

/// A running server. Its thread ends with the test process.
pub(super) struct TestServer {
    /// Its URL.
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// An answer with a JSON body.
pub(super) fn json(status: u16, body: &str) -> Act {
    with_header(status, "X-Nothing: nothing", body)
}

/// An answer with another header and a JSON body.
pub(super) fn with_header(status: u16, header: &str, body: &str) -> Act {
    Act::Answer(format!(
        "HTTP/1.1 {status} -\r\nConnection: close\r\n{header}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

impl TestServer {
    /// Starts a server that does one thing after another, whatever it is asked.
    pub(super) fn script<const N: usize>(acts: [Act; N]) -> Self {
        let mut acts = VecDeque::from(acts);
        Self::start(move |_| acts.pop_front().unwrap_or_else(|| json(418, "the script is over")))
    }

    /// Starts a server that does what depends on the request.
    pub(super) fn start(act: impl FnMut(&Received) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::default();
        let (act, seen) = (Arc::new(Mutex::new(act)), Arc::clone(&received));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (act, seen) = (Arc::clone(&act), Arc::clone(&seen));
                thread::spawn(move || serve(stream.unwrap(), &act, &seen));
            }
        });
        Self { url, received }
    }

    /// The requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The methods and paths so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.line).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    act: &Mutex<impl FnMut(&Received) -> Act>,
    received: &Mutex<Vec<Received>>,
) {
    let Some(request) = receive(&stream) else { return };
    received.lock().unwrap().push(request.clone());
    let act = act.lock().unwrap()(&request);
    match act {
        Act::Answer(answer) => stream.write_all(answer.as_bytes()).unwrap(),
        Act::HangUp => {}
        Act::Stall(time) => thread::sleep(time),
    }
}

/// Reads a request, unless what arrives is none.
fn receive(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let mut headers = String::new();
    while reader.read_line(&mut headers).ok()? > 2 {}
    let headers = headers.to_ascii_lowercase().replace('\r', "");
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Received { line, headers, body: String::from_utf8(body).unwrap() })
}
