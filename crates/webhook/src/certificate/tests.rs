use super::*;

fn pair(name: &str, days: std::ops::Range<i32>) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(days.start, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(days.end, 1, 1);
    let certificate = parameters.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn write(directory: &Path, (certificate, key): &(String, String)) -> Files {
    let files = Files {
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
    };
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

fn kept(reload: Reload) -> String {
    match reload {
        Reload::Kept(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_pair_is_used_and_a_bad_one_leaves_the_last_good_one() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (pair("one", 2020..2100), pair("two", 2020..2101));
    let files = write(directory.path(), &first);
    let certificates = Certificates::load(files.clone()).unwrap();
    let until = certificates.validity().until;
    assert!(matches!(certificates.reload(), Reload::Same));

    std::fs::write(&files.certificate, &second.0).unwrap();
    let told = kept(certificates.reload());
    assert!(
        told.ends_with("tls.key: it is not the key of the certificate"),
        "{told}"
    );
    assert!(matches!(certificates.reload(), Reload::Same), "told once");
    assert_eq!(certificates.validity().until, until);

    std::fs::write(&files.certificate, &second.0[..second.0.len() / 2]).unwrap();
    assert!(kept(certificates.reload()).contains("no certificate"));
    std::fs::remove_file(&files.key).unwrap();
    assert!(kept(certificates.reload()).starts_with("read the key"));
    assert_eq!(certificates.validity().until, until);

    write(directory.path(), &second);
    assert!(matches!(certificates.reload(), Reload::New));
    assert!(certificates.validity().until > until);

    write(directory.path(), &pair("old", 2020..2021));
    assert!(kept(certificates.reload()).ends_with("is not valid now"));
    assert!(certificates.validity().until > until);
}

#[test]
fn no_text_has_anything_of_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = pair("one", 2020..2100);
    let body = key.lines().nth(1).unwrap();
    let broken = key.replace("PRIVATE", "PUBLIC");
    let files = write(directory.path(), &(certificate, broken));
    let error = Certificates::load(files).unwrap_err();
    assert!(
        error.to_string().ends_with("it is no private key in PEM"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains(body));
}
