//! Manifests and indexes as registries give them out: of a type that is known, and of that type alone.
//!
//! Source: OCI image specification 1.1 and Docker's image manifest version 2, schema 2. That a document which could be
//! read as both an index and a manifest is refused is the remedy of CVE-2021-41190.

use serde::Deserialize;

use super::error::Problem;
use super::wanted::Entry;
use crate::Digest;
use crate::oci::{Descriptor, layer_compression};

/// The types that porthole asks for.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// An index with more manifests than this is refused, as the store refuses it.
const MOST_MANIFESTS: usize = 1000;
/// A manifest with more layers than this is refused; container engines stop at 128.
const MOST_LAYERS: usize = 1000;

/// A document that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// The descriptor by which the store keeps it.
    pub(super) descriptor: Descriptor,
    /// As it came.
    pub(super) text: Vec<u8>,
    pub(super) content: Content,
}

/// What a document says.
#[derive(Debug)]
pub(super) enum Content {
    /// A list of manifests.
    Index(Vec<Entry>),
    /// The blobs of one image: its configuration and its layers.
    Manifest {
        config: Descriptor,
        layers: Vec<LayerEntry>,
    },
}

/// A layer as a manifest lists it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayerEntry {
    media_type: String,
    digest: Digest,
    size: u64,
}

impl LayerEntry {
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest.clone(), self.size)
    }
}

/// Whether a layer's type says that it is not to be given out by everybody.
pub(super) fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".nondistributable.") || media_type.contains(".foreign.")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<Vec<Entry>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<LayerEntry>>,
}

impl Document {
    /// Reads a document. `said` is the type by the header of the answer, `known` by the descriptor that led here.
    pub(super) fn read(text: Vec<u8>, said: Option<&str>, known: Option<&str>) -> Result<Self, Problem> {
        let refuse = |why: String| Err(Problem::Refused(why));
        let said = said
            .map(|said| said.split(';').next().unwrap_or_default().trim().to_owned())
            .filter(|said| {
                !said.is_empty() && said != "application/json" && said != "application/octet-stream"
            });
        if let Some(said) = &said {
            check_type(said)?;
        }
        let Ok(fields) = serde_json::from_slice::<Fields>(&text) else {
            return refuse("what came is no manifest: it is not JSON of that form".to_owned());
        };
        if fields.schema_version == 1 {
            return Err(schema1());
        }
        let types = [said.as_deref(), fields.media_type.as_deref(), known];
        let mut named = types.into_iter().flatten();
        let media_type = match named.next() {
            Some(first) => match named.find(|other| *other != first) {
                Some(other) => {
                    return refuse(format!("what came is of two types, {first:?} and {other:?}"));
                }
                None => first.to_owned(),
            },
            None => {
                return refuse("what came does not say its media type".to_owned());
            }
        };
        check_type(&media_type)?;
        let descriptor = Descriptor::new(&media_type, Digest::of(&text), text.len() as u64);
        let content = match (fields.manifests, fields.config, fields.layers) {
            (Some(manifests), None, None) if descriptor.is_index() => {
                if manifests.len() > MOST_MANIFESTS {
                    let count = manifests.len();
                    return refuse(format!(
                        "the index lists {count} manifests; at most {MOST_MANIFESTS} are read"
                    ));
                }
                Content::Index(manifests)
            }
            (None, Some(config), layers) if descriptor.is_manifest() => {
                let layers = layers.unwrap_or_default();
                check_blobs(&config, &layers)?;
                Content::Manifest { config, layers }
            }
            _ => {
                return refuse(format!(
                    "what came is not what its media type {media_type:?} says"
                ));
            }
        };
        Ok(Self {
            descriptor,
            text,
            content,
        })
    }
}

fn check_type(media_type: &str) -> Result<(), Problem> {
    let probe = Descriptor::new(media_type, Digest::of(b""), 0);
    if probe.is_index() || probe.is_manifest() {
        Ok(())
    } else if media_type.starts_with("application/vnd.docker.distribution.manifest.v1") {
        Err(schema1())
    } else {
        Err(Problem::Refused(format!(
            "what came has media type {media_type:?}, which is no image's manifest or index"
        )))
    }
}

fn schema1() -> Problem {
    Problem::Refused(
        "the image has a manifest of Docker's old schema 1, which porthole does not read; push it again with a client \
         of this decade"
            .to_owned(),
    )
}

fn check_blobs(config: &Descriptor, layers: &[LayerEntry]) -> Result<(), Problem> {
    let image = [
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    ];
    if !image.contains(&config.media_type.as_str()) {
        return Err(Problem::Refused(format!(
            "it is no image: its configuration has media type {:?}",
            config.media_type
        )));
    }
    if layers.len() > MOST_LAYERS {
        let count = layers.len();
        return Err(Problem::Refused(format!(
            "the manifest has {count} layers; at most {MOST_LAYERS} are read"
        )));
    }
    for layer in layers {
        if layer_compression(&layer.media_type).is_none() {
            return Err(Problem::Refused(format!(
                "layer {} has media type {:?}, which porthole does not read; layers are read as tar, plain or \
                 compressed by gzip or zstd; `skopeo copy --dest-compress-format gzip` converts others",
                layer.digest, layer.media_type
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    fn manifest(layer: &str) -> String {
        let digest = Digest::of(b"");
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI}",
            "config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":2}},
            "layers":[{{"mediaType":"{layer}","digest":"{digest}","size":0}}]}}"#
        )
    }

    fn refusal(text: &str, said: Option<&str>, known: Option<&str>) -> String {
        Document::read(text.as_bytes().to_vec(), said, known)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_document_is_of_one_type() {
        let gzip = manifest("application/vnd.oci.image.layer.v1.tar+gzip");
        assert!(
            Document::read(
                gzip.clone().into_bytes(),
                Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
                Some(OCI)
            )
            .is_ok()
        );
        assert!(refusal(&gzip, Some(INDEX), None).contains("of two types"));
        assert!(refusal(&gzip, None, Some(INDEX)).contains("of two types"));
        let both = gzip.replacen("\"layers\"", "\"manifests\":[],\"layers\"", 1);
        assert!(refusal(&both, None, None).contains("not what its media type"));
        let nameless = gzip.replace(&format!("\"mediaType\":\"{OCI}\","), "");
        assert!(refusal(&nameless, None, None).contains("does not say its media type"));
        assert!(Document::read(nameless.into_bytes(), Some("application/json"), Some(OCI)).is_ok());
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (text, said, reason) in [
            (
                "<html>".to_owned(),
                Some("text/html"),
                "\"text/html\", which is no image's manifest",
            ),
            (
                "{}".to_owned(),
                Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
                "schema 1",
            ),
            (r#"{"schemaVersion":1}"#.to_owned(), None, "schema 1"),
            (
                manifest("application/vnd.oci.image.layer.v1.tar+xz"),
                None,
                "tar+xz\", which porthole does not read",
            ),
            (
                manifest("x").replace("vnd.oci.image.config.v1+json", "vnd.cncf.helm.config.v1+json"),
                None,
                "it is no image: its configuration has media type",
            ),
            ("1".to_owned(), None, "not JSON of that form"),
            (
                manifest("x").replace("sha256:", "sha512:"),
                None,
                "not JSON of that form",
            ),
        ] {
            let refused = refusal(&text, said, None);
            assert!(refused.contains(reason), "{refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Document::read(text.into_bytes(), None, Some(OCI));
        }
    }
}
