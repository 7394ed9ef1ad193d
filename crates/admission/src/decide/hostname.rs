//! Random hostnames, for pods with a gMSA.
//!
//! Containers of one gMSA and one hostname lose the trust of the domain to each other, and a computer's NetBIOS name has 15
//! characters at most.

/// What the log says of a pod that brings its hostname, to the letter.
pub(super) const KEPT: &str = "hostname is set in spec and will be hornored instead of being randomized";

/// The first 15 characters of a random (version 4) UUID with these bits.
pub(super) fn of(random: [u8; 6]) -> String {
    let [first @ .., fifth, sixth] = random;
    format!("{:08x}-{fifth:02x}{sixth:02x}-4", u32::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hostname_begins_like_a_random_uuid() {
        let hostname = super::of([0x53, 0x13, 0x52, 0x1c, 0x1b, 0x05]);
        assert_eq!(hostname, "5313521c-1b05-4");
        assert_eq!(super::of([0; 6]).len(), 15);
    }
}
