use super::*;

fn quantity(text: &str) -> Quantity<'_> {
    Quantity::parse(text).expect(text)
}

#[test]
fn quantities_are_printed_as_kubernetes_prints_them() {
    // text, printed, printed when rounded
    let cases: &[(&str, &str, &str)] = &[
        ("0", "0", "0"),
        ("-0", "0", "0"),
        (".", "0", "0"),
        ("1", "1", "1"),
        ("+1", "+1", "+1"),
        ("01", "01", "01"),
        ("-1.5", "-1500m", "-1500m"),
        ("1500m", "1500m", "1500m"),
        ("1000m", "1", "1"),
        ("0.5", "500m", "500m"),
        ("0.0001", "100u", "1m"),
        ("-0.0001", "-100u", "-1m"),
        ("1n", "1n", "1m"),
        ("0.1n", "1n", "1m"),
        ("100000", "100k", "100k"),
        ("128974848", "128974848", "128974848"),
        ("129e6", "129e6", "129e6"),
        ("1e1", "10", "10"),
        ("1e2", "100", "100"),
        ("1E", "1E", "1E"),
        ("1E3", "1E3", "1E3"),
        ("1000e3", "1e6", "1e6"),
        ("12e-4", "1200e-6", "2e-3"),
        ("1e21", "1e21", "1e21"),
        ("1000000000000000000000", "1", "1"),
        (
            "123456789012345678901",
            "123456789012345678901",
            "123456789012345678901",
        ),
        ("64Mi", "64Mi", "64Mi"),
        ("1024Ki", "1Mi", "1Mi"),
        ("1.5Gi", "1536Mi", "1536Mi"),
        ("0.5Ki", "512", "512"),
        ("1000Ki", "1000Ki", "1000Ki"),
        ("0.0001Ki", "102400u", "103m"),
        ("9Ei", "9223372036854775807", "9223372036854775807"),
        ("-9Ei", "-9223372036854775807", "-9223372036854775807"),
        ("7Ei", "7Ei", "7Ei"),
    ];
    for (text, printed, rounded) in cases {
        assert_eq!(quantity(text).to_string(), *printed, "{text}");
        assert_eq!(quantity(text).rounded().to_string(), *rounded, "{text}");
    }
}

#[test]
fn the_hugest_exponents_do_no_harm() {
    for text in ["1e2147483647", "-1e2147483647"] {
        let huge = quantity(text);
        assert_eq!(huge.scaled(MILLI), 0, "as Go has it");
        assert_eq!(huge.scaled(0), 0);
        assert!(huge.is_whole() && huge.clone().rounded() == huge, "{text}");
    }
}

#[test]
fn what_is_no_quantity_is_refused_for_kubernetes_reason() {
    for text in ["", "abc", "1 Gi", "1.2.3", "1,5", "0x10", "１", "1Gib"] {
        assert_eq!(Quantity::parse(text).err(), Some(QuantityError::Format), "{text}");
    }
    for text in [
        "1K", "1ki", "1GM", "1e", "1mm", "1i", "1Gi3", "--1", "1m5", "1e-", "1-",
    ] {
        assert_eq!(Quantity::parse(text).err(), Some(QuantityError::Suffix), "{text}");
    }
}

#[test]
fn quantities_are_compared_by_their_amount() {
    for (less, more) in [
        ("1", "1001m"),
        ("1000Mi", "1Gi"),
        ("1G", "1Gi"),
        ("-2", "-1"),
        ("-1", "0"),
        ("1e30", "1e31"),
        ("123456789012345678900", "123456789012345678901"),
        ("1e-9", "1"),
    ] {
        assert!(quantity(less) < quantity(more), "{less} {more}");
    }
    for (one, other) in [
        ("1", "1000m"),
        ("1Ki", "1024"),
        ("1e3", "1k"),
        ("0.5Ki", "512"),
        ("0", "-0"),
    ] {
        assert_eq!(quantity(one), quantity(other), "{one} {other}");
    }
}

#[test]
fn whole_numbers_are_known() {
    for text in ["1", "1000m", "1Gi", "0", "1e3", "1.5Gi", "-3"] {
        assert!(quantity(text).rounded().is_whole(), "{text}");
    }
    for text in ["1500m", "0.5", "1n", "-0.5", "0.0001Ki"] {
        assert!(!quantity(text).rounded().is_whole(), "{text}");
    }
    assert_eq!(quantity("1.5Gi").scaled(0), 1_610_612_736);
    assert_eq!(quantity("1500m").scaled(0), 2);
    assert_eq!(quantity("-1500m").scaled(0), -2);
}

#[test]
fn sums_are_exact_and_written_as_the_first() {
    for (one, other, sum) in [
        ("500m", "500m", "1"),
        ("1Gi", "512Mi", "1536Mi"),
        ("0", "64Mi", "64Mi"),
        ("1", "0.1", "1100m"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("9223372036854775808", "-1", "9223372036854775807"),
        ("-9223372036854775809", "9223372036854775809", "0"),
        ("9999999999999999999", "0.5", "9999999999999999999500m"),
        ("10000000000000000000", "-0.5", "9999999999999999999500m"),
        // Nobody could write the sum down.
        ("1e2000000000", "1", "100e1999999998"),
        ("1e2147483647", "1e-2000000000", "10e2147483646"),
        ("1e2147483647", "1m", "10e2147483646"),
    ] {
        let read = |text| Quantity::parse(text).expect("it is one");
        assert_eq!(read(one).plus(&read(other)).to_string(), sum, "{one} + {other}");
        assert_eq!(
            read(other).plus(&read(one)),
            read(one).plus(&read(other)),
            "{one} + {other}"
        );
    }
}
