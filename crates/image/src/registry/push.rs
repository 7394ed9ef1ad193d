//! An image of the store to a registry: blobs, then manifests, the index last.

use std::collections::HashSet;
use std::io::Read as _;

use serde::Serialize;
use ureq::http::Method;
use ureq::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};

use super::address::Address;
use super::crew::carry_all;
use super::documents::is_foreign;
use super::error::{Error, Problem, Result, passing};
use super::progress::Event;
use super::pull::DIGEST;
use super::reference::Reference;
use super::session::{Session, Tries, codes, expect, retry_after};
use super::transport::{Call, Payload, destination};
use crate::oci::{Descriptor, Index};
use crate::{Digest, Store};

/// What a push did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// Where to, complete.
    pub reference: String,
    /// Digest of what the reference now stands for.
    pub digest: Digest,
    /// Bytes of blobs that were sent; what the registry had was not.
    pub transferred: u64,
}

pub(super) fn push(
    session: &Session<'_>,
    store: &Store,
    name: &str,
    reference: &Reference,
) -> Result<Pushed> {
    let _lock = store.reading()?;
    let Some(target) = store.target(name)? else {
        return Err(crate::Error::UnknownImage {
            name: name.to_owned(),
            store: store.root().to_owned(),
        }
        .into());
    };
    if let Some(digest) = reference.digest()
        && *digest != target.digest
    {
        let (expected, actual) = (digest.clone(), target.digest);
        return Err(session.wrong(format!("push {reference}"), Problem::Digest { expected, actual }));
    }
    let tag = match reference.tag() {
        Some(tag) => tag.to_owned(),
        None => target.digest.to_string(),
    };
    let manifests = store.manifests(&target)?;
    let mut blobs = Vec::new();
    let mut seen = HashSet::new();
    for manifest in &manifests {
        let document = store.manifest(manifest)?;
        for blob in std::iter::once(document.config).chain(document.layers) {
            if is_foreign(&blob.media_type) {
                let why = format!(
                    "layer {} may not be given out by everybody (media type {:?}); porthole does not push it",
                    blob.digest, blob.media_type
                );
                return Err(session.wrong(format!("push {name} to {reference}"), Problem::Refused(why)));
            }
            if seen.insert(blob.digest.clone()) {
                blobs.push(blob);
            }
        }
    }
    let transferred = send_blobs(session, store, blobs)?;
    // Before an index comes what it lists.
    let mut below = Vec::new();
    documents_below(store, &target, 0, &mut below)?;
    for document in &below {
        put_document(session, store, document, document.digest.as_str())?;
    }
    put_document(session, store, &target, &tag)?;
    Ok(Pushed {
        reference: reference.to_string(),
        digest: target.digest,
        transferred,
    })
}

/// What an index lists, the deepest first, each once.
fn documents_below(
    store: &Store,
    target: &Descriptor,
    depth: usize,
    found: &mut Vec<Descriptor>,
) -> Result<()> {
    // Deeper ones were refused when the manifests were looked for.
    if !target.is_index() || depth > 3 {
        return Ok(());
    }
    let index: Index = store.document(target)?;
    for entry in index.manifests {
        if found.iter().any(|known| known.digest == entry.digest) {
            continue;
        }
        if !entry.is_index() && !entry.is_manifest() {
            return Err(crate::Error::MediaType {
                digest: entry.digest,
                media_type: entry.media_type,
                remedy: "an index with it cannot be pushed",
            }
            .into());
        }
        documents_below(store, &entry, depth + 1, found)?;
        found.push(entry);
    }
    Ok(())
}

fn put_document(session: &Session<'_>, store: &Store, document: &Descriptor, target: &str) -> Result<()> {
    let text = store.text(document)?;
    let address = session.address(&format!("manifests/{target}"));
    let call = Call::sending(Method::PUT, address, Payload::Bytes(&text))
        .header(CONTENT_TYPE, document.media_type.clone());
    let doing = call.doing();
    let answer = session.send_again(&call)?;
    let answer = expect(session, &doing, answer, &[200, 201, 202])?;
    let said = answer
        .header(&DIGEST)
        .and_then(|digest| digest.parse::<Digest>().ok());
    match said {
        Some(actual) if actual != document.digest => {
            let expected = document.digest.clone();
            Err(session.wrong(doing, Problem::Digest { expected, actual }))
        }
        _ => Ok(()),
    }
}

/// Sends what the registry lacks, several blobs at once.
fn send_blobs(session: &Session<'_>, store: &Store, blobs: Vec<Descriptor>) -> Result<u64> {
    carry_all(blobs, |blob, _| send_blob(session, store, blob))
}

fn send_blob(session: &Session<'_>, store: &Store, blob: &Descriptor) -> Result<u64> {
    let digest = &blob.digest;
    verify(store, blob)?;
    if has(session, blob)? {
        session.progress.event(&Event::There {
            digest,
            size: blob.size,
        });
        return Ok(0);
    }
    session.progress.event(&Event::Begin {
        digest,
        size: blob.size,
        from: 0,
    });
    let mut tries = Tries::default();
    let mut place = None;
    while let Err((error, asked)) = upload(session, store, blob, &mut place) {
        let before = place.as_ref().map_or(0, |place: &Place| place.has);
        tries.failed(session, error, asked)?;
        // Where the registry cannot be asked either, that is what the next try fails by.
        if let Ok(true) = has(session, blob) {
            break;
        }
        place = place.take().and_then(|place| go_on(session, blob, &place));
        if place.as_ref().is_some_and(|place| place.has > before) {
            tries.got_further();
        }
    }
    session.progress.event(&Event::End {
        digest,
        size: blob.size,
    });
    Ok(blob.size)
}

/// Whether the registry has a blob.
fn has(session: &Session<'_>, blob: &Descriptor) -> Result<bool> {
    let look = Call::sending(
        Method::HEAD,
        session.address(&format!("blobs/{}", blob.digest)),
        Payload::None,
    );
    let answer = session.send_again(&look)?;
    match answer.status() {
        200 => Ok(true),
        404 => Ok(false),
        _ => expect(session, &look.doing(), answer, &[200, 404]).map(|_| false),
    }
}

/// Whether the blob is what its digest says: a registry would say no only after all of it.
fn verify(store: &Store, blob: &Descriptor) -> Result<()> {
    let path = store.blob_path(&blob.digest);
    let unreadable = |source| crate::Error::Io {
        action: "read",
        path: path.clone(),
        source,
    };
    let mut file = store.open_blob(blob)?;
    let mut hasher = crate::Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let actual = hasher.finish();
    if actual == blob.digest {
        Ok(())
    } else {
        let expected = blob.digest.clone();
        Err(crate::Error::CorruptBlob { expected, actual }.into())
    }
}

/// Where an upload goes on, and how many bytes are there.
struct Place {
    address: Address,
    has: u64,
}

/// One upload: asks for a place, unless there is one with a part of the blob, and sends the rest of it there. A place that
/// has taken something stays for the next try.
fn upload(
    session: &Session<'_>,
    store: &Store,
    blob: &Descriptor,
    place: &mut Option<Place>,
) -> Result<(), (Error, Option<u64>)> {
    let plain = |error: Error| (error, None);
    let at = match place.take() {
        Some(place) => place,
        None => Place {
            address: ask_for_place(session).map_err(plain)?,
            has: 0,
        },
    };
    let path = store.blob_path(&blob.digest);
    let mut call = Call::sending(
        Method::PUT,
        at.address.with("digest", blob.digest.as_str()),
        Payload::File {
            path: &path,
            from: at.has,
            length: blob.size.saturating_sub(at.has),
        },
    )
    .header(CONTENT_TYPE, "application/octet-stream");
    if at.has > 0 {
        let last = blob.size.saturating_sub(1);
        call = call.header(CONTENT_RANGE, format!("{}-{last}", at.has));
    }
    call.hurried = false;
    let doing = call.doing();
    let answer = match session.send(&call) {
        Ok(answer) => answer,
        Err(error) => {
            *place = Some(at);
            return Err(plain(error));
        }
    };
    if passing(answer.status()) {
        let asked = retry_after(&answer);
        let status = answer.status();
        let codes = codes(answer);
        *place = Some(at);
        return Err((session.wrong(doing, Problem::Status { status, codes }), asked));
    }
    // A registry may say that it goes on with a part and then not: it is given all of it once more.
    if at.has > 0 && !matches!(answer.status(), 201 | 204) {
        return upload(session, store, blob, place);
    }
    expect(session, &doing, answer, &[201, 204])
        .map(drop)
        .map_err(plain)
}

fn ask_for_place(session: &Session<'_>) -> Result<Address> {
    let begin = Call::sending(
        Method::POST,
        session.address("blobs/uploads/"),
        Payload::Bytes(b""),
    );
    let doing = begin.doing();
    let answer = session.send_again(&begin)?;
    let answer = expect(session, &doing, answer, &[202])?;
    let location = answer.header(&LOCATION).unwrap_or_default();
    destination(session.base(), &answer.from, location).map_err(|problem| session.wrong(doing, problem))
}

/// How much of a blob came where an upload broke off, by the distribution specification's question for it; nothing where the
/// registry does not say, or says something else than a part from the beginning. Then the upload is begun anew.
fn go_on(session: &Session<'_>, blob: &Descriptor, place: &Place) -> Option<Place> {
    let answer = session.send(&Call::get(place.address.clone())).ok()?;
    if answer.status() != 204 {
        return None;
    }
    let (first, last) = answer.header(&RANGE)?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let has = last.checked_add(1)?;
    // Nothing at all is `0-0` too, as one byte is.
    if first != 0 || last == 0 || has >= blob.size {
        return None;
    }
    let location = answer.header(&LOCATION)?;
    let address = destination(session.base(), &answer.from, location).ok()?;
    Some(Place { address, has })
}
