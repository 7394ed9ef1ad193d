//! Blobs that come in pieces.

use super::*;

const SIZE: usize = 300_000;

fn image() -> Fake {
    let layer: Vec<u8> = (0..SIZE)
        .map(|place| u8::try_from(place % 251).unwrap())
        .collect();
    Fake::new(&layer, "linux")
}

/// Answers as a registry with ranges, but breaks off after `most` bytes of the layer.
fn piecewise(image: &Fake, most: usize, ranges: bool) -> Server {
    let (image, path) = (image.clone(), image.layer_path());
    let layer = image.layer.clone();
    Server::registry(image, move |request, stream| {
        if !request.line.ends_with(&path) {
            return false;
        }
        let from = request.header("range").filter(|_| ranges);
        let from: usize = from.map_or(0, |range| {
            range
                .trim_start_matches("bytes=")
                .trim_end_matches('-')
                .parse()
                .unwrap()
        });
        let status = if from == 0 {
            "200 OK".to_owned()
        } else {
            format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{}/{SIZE}",
                SIZE - 1
            )
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            SIZE - from
        );
        let end = SIZE.min(from + most);
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&layer[from..end]);
        true
    })
}

fn ranges(server: &Server, image: &Fake) -> Vec<String> {
    let asked = server
        .all()
        .into_iter()
        .filter(|seen| seen.line.ends_with(&image.layer_path()));
    asked
        .map(|seen| seen.header("range").unwrap_or("all").to_owned())
        .collect()
}

#[test]
fn a_broken_blob_is_gone_on_with() {
    let image = image();
    let server = piecewise(&image, 100_000, true);
    let bench = Bench::new();
    let pulled = bench.pull(&server).unwrap();
    assert_eq!(ranges(&server, &image), ["all", "bytes=100000-", "bytes=200000-"]);
    // Nothing came twice.
    assert_eq!(pulled.transferred, (SIZE + image.config.len()) as u64);
}

#[test]
fn another_process_goes_on_where_one_was_killed() {
    let image = image();
    let mut bench = Bench::new();
    bench.client.bounds.attempts = 1;
    let said = bench.refusal(&piecewise(&image, 100_000, true));
    assert!(
        said.contains("ends after 100000 of 300000 bytes") || said.contains("disconnected"),
        "{said}"
    );
    let server = piecewise(&image, SIZE, true);
    let pulled = bench.pull(&server).unwrap();
    assert_eq!(ranges(&server, &image), ["bytes=100000-"]);
    assert!(pulled.transferred < 210_000);
}

#[test]
fn a_registry_without_ranges_is_asked_for_all() {
    let image = image();
    let mut bench = Bench::new();
    bench.client.bounds.attempts = 1;
    bench.refusal(&piecewise(&image, 100_000, false));
    let server = piecewise(&image, SIZE, false);
    bench.pull(&server).unwrap();
    assert_eq!(ranges(&server, &image), ["bytes=100000-"]);
}

#[test]
fn pieces_that_never_become_a_blob_are_given_up() {
    let image = image();
    let server = piecewise(&image, 10, true);
    let bench = Bench::new();
    bench.refusal(&server);
    assert_eq!(ranges(&server, &image).len(), 5);
}

#[test]
fn what_a_crash_left_wrong_is_fetched_again_once() {
    let image = image();
    let bench = Bench::new();
    let partial = bench.directory.path().join("partial");
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(partial.join(Digest::of(&image.layer).hex()), vec![0; 5000]).unwrap();
    let server = piecewise(&image, SIZE, true);
    bench.pull(&server).unwrap();
    assert_eq!(ranges(&server, &image), ["bytes=5000-", "all"]);
}

#[test]
fn another_range_than_was_asked_for_is_refused() {
    let image = image();
    let path = image.layer_path();
    let mut bench = Bench::new();
    bench.client.bounds.attempts = 1;
    bench.refusal(&piecewise(&image, 100_000, true));
    let server = Server::registry(image, move |request, stream| {
        let odd = request.line.ends_with(&path);
        if odd {
            let headers = [("Content-Range", "bytes 0-199999/300000")];
            reply(stream, "206 Partial Content", &headers, &vec![0; 200_000]);
        }
        odd
    });
    let said = bench.refusal(&server);
    assert!(said.contains("another range than was asked for"), "{said}");
}
