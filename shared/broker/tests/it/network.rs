//! The real transport against a server that misbehaves at the level of TCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{ANSWER_BYTES_MAX, HttpTransport, Transport, TransportError};
use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TIMEOUT: Duration = Duration::from_secs(5);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// What the server does with the n-th request that it has read whole, counted over all connections.
#[derive(Clone, Copy)]
enum Act {
    Answer(&'static str),
    Close,
    Silent,
}

struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

async fn server(acts: &'static [Act]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/api/x", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acts, count.clone()));
        }
    });
    Server { url, requests }
}

async fn serve(mut stream: TcpStream, acts: &'static [Act], count: Arc<AtomicUsize>) {
    while read_request(&mut stream).await {
        match acts.get(count.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(Act::Answer(OK)) {
            Act::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Act::Close => return,
            Act::Silent => tokio::time::sleep(Duration::from_mins(1)).await,
        }
    }
}

/// Whether a whole request came: its head, and as much body as it says.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return true;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => seen.extend_from_slice(&buffer[..count]),
            _ => return false,
        }
    }
}

fn request(method: &str, url: &str) -> Request<Bytes> {
    let body = if method == "POST" { Bytes::from("{\"orders\":[]}") } else { Bytes::new() };
    Request::builder().method(method).uri(url).header("content-length", body.len()).body(body).unwrap()
}

/// Long enough for a hidden second try to have been made.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_request_whose_answer_is_cut_off_is_sent_exactly_once() {
    for method in ["POST", "DELETE", "GET"] {
        let server = server(&[Act::Close]).await;
        let outcome = HttpTransport::new().unwrap().send(request(method, &server.url), TIMEOUT).await;
        assert!(matches!(outcome, Err(TransportError::Unread(_))), "{method}: {outcome:?}");
        settle().await;
        assert_eq!(server.requests.load(Ordering::SeqCst), 1, "{method}");
    }
}

#[tokio::test]
async fn a_request_on_a_reused_connection_is_sent_exactly_once_too() {
    for method in ["POST", "DELETE", "GET"] {
        let server = server(&[Act::Answer(OK), Act::Close]).await;
        let transport = HttpTransport::new().unwrap();
        assert!(transport.send(request(method, &server.url), TIMEOUT).await.is_ok());
        let outcome = transport.send(request(method, &server.url), TIMEOUT).await;
        assert!(matches!(outcome, Err(TransportError::Unread(_))), "{method}: {outcome:?}");
        settle().await;
        assert_eq!(server.requests.load(Ordering::SeqCst), 2, "{method}");
    }
}

#[tokio::test]
async fn a_half_answer_is_unread_and_not_asked_for_again() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"order_id\"";
    let acts: &'static [Act] = Box::leak(Box::new([Act::Answer(half), Act::Close]));
    let server = server(acts).await;
    let outcome = HttpTransport::new().unwrap().send(request("POST", &server.url), Duration::from_millis(500)).await;
    assert!(matches!(outcome, Err(TransportError::Unread(_))), "{outcome:?}");
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_slow_answer_is_unread() {
    let server = server(&[Act::Silent]).await;
    let outcome = HttpTransport::new().unwrap().send(request("POST", &server.url), Duration::from_millis(300)).await;
    let Err(TransportError::Unread(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("timed out"), "{why}");
    settle().await;
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let transport = HttpTransport::new().unwrap();
    for url in [closed.as_str(), "http://no-such-name.invalid/"] {
        let outcome = transport.send(request("POST", url), TIMEOUT).await;
        assert!(matches!(outcome, Err(TransportError::NotSent(_))), "{url}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_nothing_of_the_request() {
    let server = server(&[]).await;
    let url = server.url.replace("http:", "https:");
    let outcome = HttpTransport::new().unwrap().send(request("POST", &url), Duration::from_millis(1500)).await;
    // Without an answer to its greeting the client gives up; either way no request was read.
    assert!(outcome.is_err());
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let acts: &'static [Act] = Box::leak(Box::new([Act::Answer(redirect)]));
    let server = server(acts).await;
    let response = HttpTransport::new().unwrap().send(request("POST", &server.url), TIMEOUT).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["location"]), (302, &"/elsewhere".parse().unwrap()));
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_unread() {
    let body = "x".repeat(ANSWER_BYTES_MAX + 1);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let acts: &'static [Act] = Box::leak(Box::new([Act::Answer(answer.leak())]));
    let server = server(acts).await;
    let outcome = HttpTransport::new().unwrap().send(request("GET", &server.url), TIMEOUT).await;
    assert!(matches!(&outcome, Err(TransportError::Unread(why)) if why.contains("larger")), "{outcome:?}");
}
