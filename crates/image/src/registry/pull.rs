//! An image from a registry into the store.

use std::collections::HashSet;
use std::io::Write as _;

use serde::Serialize;
use ureq::http::HeaderName;
use ureq::http::header::{ACCEPT, CONTENT_TYPE};

use super::blob;
use super::crew::carry_all;
use super::documents::{ACCEPTED, Content, Document};
use super::error::{Error, Problem, Result};
use super::reference::Reference;
use super::session::{Session, expect, read_limited};
use super::transport::Call;
use super::wanted::{Entry, Wanted, available, choose};
use crate::error::During as _;
use crate::oci::{Configuration, Descriptor, INDEX, Index, Manifest};
use crate::{Digest, Image, Platform, Store};

/// The digest by which a registry knows what it answers.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Which images of an index are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platforms {
    /// These.
    These(Vec<Wanted>),
    /// All of them.
    All,
}

/// What a pull brought.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// What was asked for, complete.
    pub reference: String,
    /// Digest of what the reference stands for at the registry: an index, or a manifest.
    pub digest: Digest,
    /// What the images are for.
    pub platforms: Vec<Platform>,
    /// Bytes of blobs that were transferred; what the store had was not.
    pub transferred: u64,
}

/// One image of those wanted.
struct Chosen {
    manifest: Document,
    /// As the index says it.
    platform: Option<Platform>,
}

pub(super) fn pull(
    session: &Session<'_>,
    store: &Store,
    reference: &Reference,
    name: &str,
    platforms: &Platforms,
) -> Result<Pulled> {
    let _lock = store.adding()?;
    let top = document(session, store, reference.target(), None)?;
    if let Some(expected) = reference.digest()
        && *expected != top.descriptor.digest
    {
        let (expected, actual) = (expected.clone(), top.descriptor.digest);
        return Err(session.wrong(format!("fetch {reference}"), Problem::Digest { expected, actual }));
    }
    let digest = top.descriptor.digest.clone();
    let (index, chosen) = match &top.content {
        Content::Manifest { .. } => {
            let only = Chosen {
                manifest: top,
                platform: None,
            };
            (None, vec![only])
        }
        Content::Index(entries) => {
            let mut chosen = Vec::new();
            let entries = select(reference, entries, platforms)?;
            for entry in &entries {
                let known = entry.descriptor();
                chosen.push(Chosen {
                    manifest: document(session, store, known.digest.as_str(), Some(&known))?,
                    platform: known.platform,
                });
            }
            (Some(top), chosen)
        }
    };
    let transferred = fetch_blobs(session, store, &chosen)?;
    let mut manifests = Vec::new();
    for image in &chosen {
        manifests.push(keep(session, store, reference, image)?);
    }
    let found: Vec<Platform> = manifests
        .iter()
        .filter_map(|manifest| manifest.platform.clone())
        .collect();
    if index.is_none()
        && let Platforms::These(wanted) = platforms
        && let Some(wanted) = wanted.iter().find(|wanted| !found.contains(&wanted.platform))
    {
        return Err(Error::NoPlatform {
            reference: reference.to_string(),
            wanted: wanted.to_string(),
            available: found.first().map(ToString::to_string).unwrap_or_default(),
        });
    }
    let target = combine(store, index.as_ref(), manifests, platforms)?;
    let _naming = store.naming()?;
    store.set_name(name, &target)?;
    Ok(Pulled {
        reference: reference.to_string(),
        digest,
        platforms: found,
        transferred,
    })
}

/// The entries of an index that are wanted, each once.
fn select(reference: &Reference, entries: &[Entry], platforms: &Platforms) -> Result<Vec<Entry>> {
    let none = |wanted: String| Error::NoPlatform {
        reference: reference.to_string(),
        wanted,
        available: available(entries),
    };
    let mut selected: Vec<Entry> = Vec::new();
    match platforms {
        Platforms::All => selected.extend(entries.iter().filter(|entry| entry.is_image()).cloned()),
        Platforms::These(all) => {
            for wanted in all {
                let entry = choose(entries, wanted).ok_or_else(|| none(wanted.to_string()))?;
                if selected.iter().all(|known| known.digest != entry.digest) {
                    selected.push(entry.clone());
                }
            }
        }
    }
    if selected.is_empty() {
        return Err(none("any platform".to_owned()));
    }
    Ok(selected)
}

/// Fetches a manifest or index, unless the store has it: by tag or digest; `known` is the descriptor that led there.
fn document(
    session: &Session<'_>,
    store: &Store,
    target: &str,
    known: Option<&Descriptor>,
) -> Result<Document> {
    let call = Call::get(session.address(&format!("manifests/{target}"))).header(ACCEPT, ACCEPTED);
    let doing = call.doing();
    let wrong = |problem| session.wrong(doing.clone(), problem);
    let limit = session.bounds().document;
    if let Some(known) = known {
        if known.size > limit {
            return Err(wrong(Problem::TooLong(limit)));
        }
        if store.has_blob(known)
            && let Ok(text) = store.text(known)
        {
            return Document::read(text, None, Some(&known.media_type)).map_err(wrong);
        }
    }
    let answer = session.send_again(&call)?;
    let answer = expect(session, &doing, answer, &[200])?;
    let said = answer.header(&CONTENT_TYPE).map(str::to_owned);
    let header = answer
        .header(&DIGEST)
        .and_then(|digest| digest.parse::<Digest>().ok());
    let text = read_limited(answer, limit).map_err(wrong)?;
    let actual = Digest::of(&text);
    let expected = known.map(|known| known.digest.clone()).or(header);
    if let Some(expected) = expected
        && expected != actual
    {
        return Err(wrong(Problem::Digest { expected, actual }));
    }
    if let Some(known) = known
        && known.size != text.len() as u64
    {
        return Err(wrong(Problem::Size {
            expected: known.size,
            actual: text.len() as u64,
        }));
    }
    let known_type = known.map(|known| known.media_type.as_str());
    Document::read(text, said.as_deref(), known_type).map_err(wrong)
}

/// Fetches the blobs of all images, several at once. One that fails ends the others; what came of them is kept.
fn fetch_blobs(session: &Session<'_>, store: &Store, chosen: &[Chosen]) -> Result<u64> {
    let mut seen = HashSet::new();
    let mut blobs = Vec::new();
    for image in chosen {
        if let Content::Manifest { config, layers } = &image.manifest.content {
            let layers = layers.iter().map(super::documents::LayerEntry::descriptor);
            for blob in std::iter::once(config.bare()).chain(layers) {
                if seen.insert(blob.digest.clone()) {
                    blobs.push(blob);
                }
            }
        }
    }
    carry_all(blobs, |blob, stop| blob::fetch(session, store, blob, stop))
}

/// Keeps a manifest whose blobs are there, if the image can be used. Answers with its descriptor and platform.
fn keep(session: &Session<'_>, store: &Store, reference: &Reference, image: &Chosen) -> Result<Descriptor> {
    let Document { descriptor, text, .. } = &image.manifest;
    let manifest: Manifest = crate::store::parse(text, || descriptor.digest.to_string())?;
    let configuration: Configuration = store.configuration(&manifest)?;
    let read = Image::new(descriptor.digest.clone(), manifest, configuration)?;
    if let Some(said) = &image.platform
        && *said != read.platform
    {
        let why = format!("the index says {said}, but the image is for {}", read.platform);
        return Err(session.wrong(format!("pull {reference}"), Problem::Refused(why)));
    }
    put(store, descriptor, text)?;
    let mut kept = descriptor.clone();
    kept.platform = Some(read.platform);
    Ok(kept)
}

fn put(store: &Store, descriptor: &Descriptor, text: &[u8]) -> Result<()> {
    let mut blob = store.blob_writer()?;
    blob.write_all(text).during("write a document in", store.root())?;
    Ok(blob.finish_as(descriptor)?)
}

/// What the name will stand for: the manifest; the registry's own index where all of it is there; else an index of
/// what was wanted.
fn combine(
    store: &Store,
    index: Option<&Document>,
    mut manifests: Vec<Descriptor>,
    platforms: &Platforms,
) -> Result<Descriptor> {
    if let (Some(index), Platforms::All) = (index, platforms)
        && let Content::Index(entries) = &index.content
        && entries.iter().all(Entry::is_image)
    {
        put(store, &index.descriptor, &index.text)?;
        return Ok(index.descriptor.clone());
    }
    manifests.sort_by(|one, other| one.platform.cmp(&other.platform));
    Ok(match <[Descriptor; 1]>::try_from(manifests) {
        Ok([single]) => single,
        Err(several) => store.put_document(INDEX, &Index::new(several))?,
    })
}
