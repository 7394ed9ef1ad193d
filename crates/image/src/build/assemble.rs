//! From the last stage to layers, configuration and manifest.

use std::io::BufWriter;

use flate2::GzBuilder;

use super::execute::Builder;
use super::tree::Tree;
use super::{Options, flags};
use crate::digest::Hashing;
use crate::error::During as _;
use crate::oci::{CONFIG, Configuration, Descriptor, LAYER_GZIP, MANIFEST, Manifest, RootFs};
use crate::{Digest, Result, Store};

/// An image that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its manifest, in the store that it was built into.
    pub manifest: Descriptor,
    /// What the user should know, for example that a base image was not there.
    pub notes: Vec<String>,
}

/// Builds an image into `target`. Base images come from `bases`, which may be the same store.
///
/// # Errors
/// If something in the Dockerfile or in the options cannot be obeyed, or a file cannot be read.
pub fn build(target: &Store, bases: Option<&Store>, options: &Options) -> Result<Built> {
    let mut builder = Builder::new(target, bases, options)?;
    let mut stage = builder.last_stage()?;
    flags::apply(&mut stage, options)?;
    let mut layers = std::mem::take(&mut stage.layers);
    if layers.is_empty() && options.platform.is_windows() {
        layers.push(write_layer(target, &Tree::windows_base(), options)?);
    }
    if !stage.tree.nodes.is_empty() || layers.is_empty() {
        layers.push(write_layer(target, &stage.tree, options)?);
    }
    let (blobs, diff_ids) = layers.into_iter().unzip();
    let configuration = Configuration {
        created: Some(rfc_3339(options.created)),
        architecture: options.platform.architecture.clone(),
        os: options.platform.os.clone(),
        config: Some(stage.config),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids,
        },
    };
    let config = target.put_document(CONFIG, &configuration)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config,
        layers: blobs,
    };
    let mut manifest = target.put_document(MANIFEST, &manifest)?;
    manifest.platform = Some(options.platform.clone());
    Ok(Built {
        manifest,
        notes: builder.notes,
    })
}

fn write_layer(store: &Store, tree: &Tree, options: &Options) -> Result<(Descriptor, Digest)> {
    let blob = BufWriter::with_capacity(1 << 16, store.blob_writer()?);
    // The header's operating system is "unknown", or it would differ by where it was built.
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(blob, flate2::Compression::default());
    let Hashing { inner, hasher, .. } = tree.write(&options.platform, options.created, Hashing::new(gzip))?;
    let unwritten = "the layer".as_ref();
    let buffered = inner.finish().during("write", unwritten)?;
    let blob = buffered
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .during("write", unwritten)?;
    let (digest, size) = blob.finish()?;
    Ok((Descriptor::new(LAYER_GZIP, digest, size), hasher.finish()))
}

/// Seconds since 1970 as OCI writes times. Source of the calendar: Howard Hinnant's `civil_from_days`.
fn rfc_3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::rfc_3339;

    #[test]
    fn writes_times_as_date_does() {
        assert_eq!(rfc_3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc_3339(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(rfc_3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
