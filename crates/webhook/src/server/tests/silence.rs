//! Connections on which nothing is asked.

use tokio::io::AsyncRead;

use super::*;

#[tokio::test]
async fn a_connection_ends_on_which_nothing_is_asked() {
    const TIME: Duration = Duration::from_millis(200);
    let ends = async |asked: &Asked, after: u32| {
        let begun = Instant::now();
        let is_over = timeout(TIME * after, asked.nothing_for(TIME)).await.is_ok();
        assert!(!is_over || begun.elapsed() >= TIME);
        is_over
    };
    let asked = Asked::default();
    assert!(ends(&asked, 20).await, "nothing was ever asked");
    asked.begins(Version::HTTP_11);
    assert!(!ends(&asked, 4).await, "something has no answer yet");
    asked.ends();
    let begun = Instant::now();
    assert!(ends(&asked, 20).await, "nothing is asked any more");
    assert!(
        begun.elapsed() >= TIME * 2,
        "something was answered in the first part"
    );
    asked.begins(Version::HTTP_11);
    let begun = Instant::now();
    let answering = async {
        sleep(TIME * 3 / 2).await;
        asked.ends();
    };
    tokio::join!(asked.nothing_for(TIME), answering);
    assert!(begun.elapsed() >= TIME * 5 / 2, "it counts from the answer");
    asked.begins(Version::HTTP_2);
    asked.ends();
    assert!(!ends(&asked, 4).await, "pings tell whether anybody is there");
}

#[tokio::test]
async fn who_asks_nothing_and_who_never_ends_a_head_is_let_go() {
    const SILENCE: Duration = Duration::from_millis(500);
    const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    /// Whether the other side closes the connection; it may do so within TLS, or not.
    async fn is_let_go(stream: &mut (impl AsyncRead + Unpin)) -> bool {
        let mut rest = Vec::new();
        timeout(SILENCE * 10, stream.read_to_end(&mut rest)).await.is_ok()
    }

    let bed = Bed::start_for(Duration::ZERO, Freshness::default(), Some(SILENCE)).await;
    let connect = async || {
        let socket = TcpStream::connect(bed.address).await.unwrap();
        crate::connector::encrypt(Arc::clone(&bed.tls), None, "127.0.0.1", socket)
            .await
            .unwrap()
    };
    let mut answer = [0; 1024];
    let mut silent = connect().await;
    assert!(is_let_go(&mut silent).await);
    let mut slow = connect().await;
    slow.write_all(b"GET /livez HT").await.unwrap();
    assert!(is_let_go(&mut slow).await);
    let mut again = connect().await;
    again.write_all(ASK).await.unwrap();
    assert!(again.read(&mut answer).await.unwrap() > 0);
    again.write_all(&ASK[..20]).await.unwrap();
    assert!(is_let_go(&mut again).await);
    // Whoever goes on asking stays.
    let mut busy = connect().await;
    for _ in 0..30 {
        busy.write_all(ASK).await.unwrap();
        assert!(busy.read(&mut answer).await.unwrap() > 0);
        sleep(SILENCE / 5).await;
    }
    assert!(is_let_go(&mut busy).await);
    assert_eq!(bed.get("/livez").await.0, 200);
}
