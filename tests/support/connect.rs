//! A 1Password Connect server.
//!
//! As its "API reference" at developer.1password.com and the specification file
//! there (1.8.1) document it: the paths, the bearer token, the filters `name eq
//! "…"` and `title eq "…"`, summaries of items without their fields, and errors
//! with `status` and `message`: 401 to any request, 404 where there is no such
//! vault or item, and 403 to one item.
//!
//! Not documented is that
//! - the lists of vaults and of items come in parts. Only that of `/activity`
//!   has an `offset` and a `Content-Range`, with 200; the 206 is HTTP's own
//!   (RFC 9110, section 15.3.7);
//! - Connect limits the rate of requests. 1Password has such limits for service
//!   accounts; the 429 and its `Retry-After` are as RFC 6585 has them, and as a
//!   proxy before the server would answer;
//! - a quotation mark in a filter is escaped, as SCIM has it (RFC 7644, section
//!   3.4.2.2).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The token that the server knows.
pub const TOKEN: &str = "eyJhbGciOi.connect-token.signature";

/// What the server has, and what it does.
#[derive(Debug, Default)]
struct State {
    /// Vaults that the token may see, by id: name and items.
    vaults: Vec<(String, String, Vec<Value>)>,
    /// Answers to give before any other: a status, and whether to hang up.
    obstacles: Vec<Obstacle>,
    /// How many entries of a list to give at once, and with which status.
    page: Option<(usize, u16)>,
    requests: Vec<String>,
}

/// What comes in place of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Obstacle {
    /// Too many requests, with the seconds after which to ask again.
    RateLimit(u32),
    Status(u16),
    HangUp,
    /// An answer that is not JSON.
    Nonsense,
    /// An answer all the same.
    Nothing,
}

/// A running server. Its thread ends with the test process.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Its URL, with a path as behind an ingress.
    pub url: String,
    state: Arc<Mutex<State>>,
}

/// A field of an item.
pub fn field(section: Option<&str>, label: &str, value: &str) -> Value {
    let mut field = json!({
        "id": label, "type": "CONCEALED", "label": label, "value": value,
    });
    if let Some(section) = section {
        field["section"] = json!({ "id": format!("section-{section}") });
    }
    field
}

/// An item with fields; their sections are named like their ids.
pub fn item(title: &str, fields: Vec<Value>) -> Value {
    let mut sections = vec![json!({ "id": "add more" })];
    for field in &fields {
        if let Some(id) = field["section"]["id"].as_str() {
            let label = id.strip_prefix("section-").unwrap();
            let section = json!({ "id": id, "label": label });
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
    }
    json!({
        "id": format!("{:0>26}", title.replace(|c: char| !c.is_ascii_alphanumeric(), "")),
        "title": title, "category": "SERVER", "version": 1,
        "fields": fields, "sections": sections,
    })
}

impl Connect {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/1password", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    pub fn vault(&self, name: &str, items: Vec<Value>) {
        let mut state = self.state.lock().unwrap();
        let id = format!("{:v<26}", state.vaults.len());
        state.vaults.push((id, name.to_owned(), items));
    }

    pub fn next(&self, obstacles: &[Obstacle]) {
        self.state.lock().unwrap().obstacles = obstacles.iter().rev().copied().collect();
    }

    pub fn page(&self, entries: usize, status: u16) {
        self.state.lock().unwrap().page = Some((entries, status));
    }

    /// The requests since the last time, methods and paths.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = String::new();
        while reader.read_line(&mut headers).unwrap_or(0) > 2 {}
        let obstacle = state.lock().unwrap().obstacles.pop();
        let path = line.split(' ').nth(1).unwrap().to_owned();
        state.lock().unwrap().requests.push(line.trim().trim_end_matches(" HTTP/1.1").to_owned());
        let (status, header, body) = match obstacle {
            Some(Obstacle::HangUp) => return,
            Some(Obstacle::RateLimit(seconds)) => {
                (429, format!("Retry-After: {seconds}\r\n"), error(429, "rate limit exceeded"))
            }
            Some(Obstacle::Status(status)) => (status, String::new(), error(status, "try later")),
            Some(Obstacle::Nonsense) => (200, String::new(), json!("<html>")),
            None | Some(Obstacle::Nothing) => answer(&path, &headers, &state.lock().unwrap()),
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{header}Content-Length: \
             {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = &stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn error(status: u16, message: &str) -> Value {
    json!({ "status": status, "message": message })
}

fn answer(path: &str, headers: &str, state: &State) -> (u16, String, Value) {
    let fail = |status, message| (status, String::new(), error(status, message));
    let authorization = format!("authorization: bearer {}", TOKEN.to_lowercase());
    if !headers.to_lowercase().contains(&authorization) {
        return fail(401, "Invalid token signature");
    }
    let url: reqwest::Url = format!("http://connect{path}").parse().unwrap();
    let Some(path) = url.path().strip_prefix("/1password/v1/vaults") else {
        return fail(404, "not found");
    };
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    if parts.is_empty() {
        let vaults = state.vaults.iter();
        let list =
            vaults.map(|(id, name, _)| json!({ "id": id, "name": name, "type": "USER_CREATED" }));
        return list_of(list.collect(), "name", &url, state.page);
    }
    let Some((_, _, items)) = state.vaults.iter().find(|(id, _, _)| id == parts[0]) else {
        return fail(404, "vault not found");
    };
    match parts.as_slice() {
        [_, "items"] => {
            // A summary has no fields.
            let summary = |item: &Value| {
                json!({ "id": item["id"], "title": item["title"], "state": item["state"],
                        "category": item["category"], "vault": { "id": parts[0] } })
            };
            list_of(items.iter().map(summary).collect(), "title", &url, state.page)
        }
        [_, "items", id] => match items.iter().find(|item| item["id"] == *id) {
            Some(item) => (200, String::new(), item.clone()),
            None => fail(404, "item not found"),
        },
        _ => fail(404, "not found"),
    }
}

/// A list: those that a filter such as `title eq "x"` picks, in parts, with a
/// range where there is a limit to them.
fn list_of(
    mut all: Vec<Value>,
    name: &str,
    url: &reqwest::Url,
    page: Option<(usize, u16)>,
) -> (u16, String, Value) {
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let get = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    if let Some(filter) = get("filter") {
        let Some(wanted) =
            filter.strip_prefix(&format!("{name} eq \"")).and_then(|rest| rest.strip_suffix('"'))
        else {
            return (400, String::new(), error(400, "Invalid filter"));
        };
        let wanted = wanted.replace("\\\"", "\"");
        all.retain(|entry| entry[name] == wanted.as_str());
    }
    let (limit, in_part) = page.unwrap_or((usize::MAX, 200));
    let offset: usize = get("offset").map_or(0, |offset| offset.parse().unwrap());
    let total = all.len();
    let part: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let status = if part.len() == total { 200 } else { in_part };
    let last = (offset + part.len()).saturating_sub(1);
    let range = page.map(|_| format!("Content-Range: items {offset}-{last}/{total}\r\n"));
    (status, range.unwrap_or_default(), Value::from(part))
}
