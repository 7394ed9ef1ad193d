//! Registry hives with nothing but a root key.
//!
//! Windows' importer of base layers opens five hives and, from Windows Server 2025 on, refuses empty files in their
//! place. The format is `regf` 1.5: a base block, then one hive bin whose cells are the root key and its security.
//! Source: the published descriptions of the registry file format (base block, `hbin`, `nk`, `sk`).

use super::security;

/// The registry hives that a base layer of Windows has below `Files/Windows/System32/config`.
pub(crate) const HIVES: [&str; 5] = ["DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM"];

const BLOCK: usize = 4096;
/// Where the root key's cell begins, counted from the first hive bin.
const ROOT: u32 = 0x20;
/// No cell.
const NONE: u32 = u32::MAX;
/// Names in single bytes, the hive's root, not to be deleted.
const ROOT_FLAGS: u16 = 0x20 | 0x04 | 0x08;

/// A hive whose root key is empty. The same bytes every time.
pub(super) fn empty(name: &str) -> Vec<u8> {
    let mut file = base_block(name);
    file.extend(bin());
    file
}

fn base_block(name: &str) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    put(&mut block, 0, b"regf");
    // Both sequence numbers equal: the hive was closed cleanly.
    put_u32(&mut block, 0x04, 1);
    put_u32(&mut block, 0x08, 1);
    put_u32(&mut block, 0x14, 1);
    put_u32(&mut block, 0x18, 5);
    // A primary file, loaded into memory directly.
    put_u32(&mut block, 0x1c, 0);
    put_u32(&mut block, 0x20, 1);
    put_u32(&mut block, 0x24, ROOT);
    put_u32(&mut block, 0x28, 0x1000);
    put_u32(&mut block, 0x2c, 1);
    let wide: Vec<u8> = name.encode_utf16().take(31).flat_map(u16::to_le_bytes).collect();
    put(&mut block, 0x30, &wide);
    let sum = block[..0x1fc].chunks_exact(4).fold(0_u32, |sum, word| {
        sum ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]])
    });
    // The two values that the format keeps for itself.
    put_u32(
        &mut block,
        0x1fc,
        match sum {
            0 => 1,
            NONE => NONE - 1,
            other => other,
        },
    );
    block
}

fn bin() -> Vec<u8> {
    let descriptor = security::of_key();
    let key = cell(&root_key(0));
    let at_security = ROOT + small(key.len());
    let key = cell(&root_key(at_security));
    let security = cell(&security_cell(at_security, &descriptor));

    let mut bin = vec![0; 0x20];
    put(&mut bin, 0, b"hbin");
    put_u32(&mut bin, 0x08, 0x1000);
    bin.extend(key);
    bin.extend(security);
    // What is left is one free cell; free cells have positive sizes.
    let free = small(BLOCK - bin.len());
    bin.extend(free.to_le_bytes());
    bin.resize(BLOCK, 0);
    bin
}

fn root_key(at_security: u32) -> Vec<u8> {
    let name = b"ROOT";
    let mut key = vec![0; 0x4c];
    put(&mut key, 0, b"nk");
    put(&mut key, 0x02, &ROOT_FLAGS.to_le_bytes());
    for offset in [0x10, 0x1c, 0x20, 0x28, 0x30] {
        put_u32(&mut key, offset, NONE);
    }
    put_u32(&mut key, 0x2c, at_security);
    put_u32(&mut key, 0x48, small(name.len()));
    key.extend(name);
    key
}

/// The only security cell of the hive, and so its own neighbour on both sides.
fn security_cell(at: u32, descriptor: &[u8]) -> Vec<u8> {
    let mut cell = vec![0; 0x14];
    put(&mut cell, 0, b"sk");
    put_u32(&mut cell, 0x04, at);
    put_u32(&mut cell, 0x08, at);
    put_u32(&mut cell, 0x0c, 1);
    put_u32(&mut cell, 0x10, small(descriptor.len()));
    cell.extend(descriptor);
    cell
}

/// Size, negative for a cell in use, then the content, to a multiple of eight bytes.
fn cell(content: &[u8]) -> Vec<u8> {
    let size = (4 + content.len()).next_multiple_of(8);
    let mut cell = small(size).wrapping_neg().to_le_bytes().to_vec();
    cell.extend(content);
    cell.resize(size, 0);
    cell
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    put(bytes, offset, &value.to_le_bytes());
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::{HIVES, empty};

    #[test]
    fn a_hive_has_its_checksum_and_its_cells_fill_the_bin() {
        for name in HIVES {
            let hive = empty(name);
            assert_eq!(hive.len(), 8192);
            let word = |offset: usize| u32::from_le_bytes(hive[offset..offset + 4].try_into().unwrap());
            let sum = (0..0x1fc).step_by(4).fold(0, |sum, offset| sum ^ word(offset));
            assert_eq!(word(0x1fc), sum);
            let mut offset = 4096 + 0x20;
            while offset < 8192 {
                offset += usize::try_from(word(offset).cast_signed().unsigned_abs()).unwrap();
            }
            assert_eq!(offset, 8192);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[ignore = "needs hivexsh (Debian package libhivex-bin)"]
    fn an_independent_reader_opens_the_hives() {
        let directory = tempfile::tempdir().unwrap();
        for name in HIVES {
            let path = directory.path().join(name);
            std::fs::write(&path, empty(name)).unwrap();
            let output = std::process::Command::new("hivexml").arg(&path).output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains(r#"<node name="ROOT" root="1">"#), "{text}");
        }
    }
}
