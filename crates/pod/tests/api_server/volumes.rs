//! `spec.volumes`: names, types and what each type asks.

use crate::pods::{texts, texts_at};

/// Asserts what is found in a pod of one volume `v` of `source`, each text without `spec.volumes[0]`.
#[track_caller]
fn assert_source(source: &str, expected: &[&str]) {
    assert_source_at(37, source, expected);
}

#[track_caller]
fn assert_source_at(minor: u16, source: &str, expected: &[&str]) {
    let found = texts_at(minor, &format!("volumes: [{{name: v, {source}}}]"));
    let short: Vec<_> = found
        .iter()
        .map(|text| text.strip_prefix("spec.volumes[0]").unwrap_or(text))
        .collect();
    assert_eq!(short, expected, "1.{minor}: {source}");
}

#[test]
fn names_are_labels_and_taken_once() {
    assert_eq!(
        texts("volumes: [{}, {name: a.b}, {name: a}, {name: a}]"),
        [
            "spec.volumes[0].name: Required value",
            "spec.volumes[1].name: Invalid value: \"a.b\": must not contain dots",
            "spec.volumes[3].name: Duplicate value: \"a\"",
        ]
    );
    // A bad volume takes no name.
    assert_eq!(
        texts("volumes: [{name: a, nfs: {server: s, path: p}}, {name: a}]"),
        ["spec.volumes[0].nfs.path: Invalid value: \"p\": must be an absolute path"]
    );
}

#[test]
fn a_volume_is_of_one_type_and_without_one_an_empty_directory() {
    assert_source("emptyDir: {}", &[]);
    assert_source("emptyDir: , hostPath: ", &[]);
    assert_source(
        "downwardAPI: {}, cephfs: {}, hostPath: {path: /a}, gcePersistentDisk: {}",
        &[
            ".gcePersistentDisk: Forbidden: may not specify more than 1 volume type",
            ".cephFS: Forbidden: may not specify more than 1 volume type",
            ".downwarAPI: Forbidden: may not specify more than 1 volume type",
        ],
    );
    // Where a gate is off, the type is dropped after the default has been filled in.
    assert_eq!(
        texts_at(34, "volumes: [{name: a, image: {}}, {name: A}]"),
        [
            "spec.volumes[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric \
          characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex \
          used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_source("image: {}", &[".image.reference: Required value"]);
    // Mounts of an image volume are dropped with it.
    let mounted = "volumes: [{name: a, image: {reference: r}}]\ncontainers: [{name: c, image: i, volumeMounts: [{name: a, \
                   mountPath: /a}, {name: b, mountPath: /b}]}]";
    assert_eq!(
        texts_at(34, mounted),
        ["spec.containers[0].volumeMounts[0].name: Not found: \"b\""]
    );
    assert_eq!(
        texts_at(35, mounted),
        ["spec.containers[0].volumeMounts[1].name: Not found: \"b\""]
    );
}

#[test]
fn paths_of_the_host_are_whole_and_their_types_known() {
    assert_source("hostPath: {}", &[".hostPath.path: Required value"]);
    assert_source("hostPath: {path: 'C:\\data\\..'}", &[]);
    assert_source(
        "hostPath: {path: /a/../b, type: directory}",
        &[
            ".hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            ".hostPath.type: Unsupported value: \"directory\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \
             \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
        ],
    );
}

#[test]
fn files_have_keys_paths_and_modes() {
    assert_source(
        "configMap: {defaultMode: 512, items: [{key: k, path: ..x}, {path: /a/.., mode: -1}]}",
        &[
            ".configMap.name: Required value",
            ".configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
            ".configMap.items[0].path: Invalid value: \"..x\": must not start with '..'",
            ".configMap.items[1].key: Required value",
            ".configMap.items[1].path: Invalid value: \"/a/..\": must be a relative path",
            ".configMap.items[1].path: Invalid value: \"/a/..\": must not contain '..'",
            ".configMap.items[1].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive",
        ],
    );
    // The API server does not say which file it means.
    assert_source(
        "downwardAPI: {items: [{path: a}, {path: b, fieldRef: {fieldPath: spec.nodeName}}]}",
        &[
            ".downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
            ".downwardAPI.fieldRef.fieldPath: Unsupported value: \"spec.nodeName\": supported values: \
             \"metadata.annotations\", \"metadata.labels\", \"metadata.name\", \"metadata.namespace\", \"metadata.uid\"",
        ],
    );
}

#[test]
fn projected_files_do_not_clash() {
    let sources = "projected: {sources: [{secret: {name: s, items: [{key: k, path: p}]}}, {configMap: {name: c, items: \
                   [{key: k, path: p}]}, secret: {name: t}}]}";
    let clash = ".projected: Invalid value: \"c\": conflicting duplicate paths";
    assert_source(
        sources,
        &[
            clash,
            ".projected.sources[1]: Forbidden: may not specify more than 1 volume type per source",
        ],
    );
    assert_source_at(
        30,
        sources,
        &[
            clash,
            ".projected.sources[1]: Forbidden: may not specify more than 1 volume type",
        ],
    );
    let token = "projected: {sources: [{serviceAccountToken: {expirationSeconds: 599, path: /t}}]}";
    let short = ".projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration \
                 less than 10 minutes";
    let absolute = ".projected.path: Invalid value: \"/t\": must be a relative path";
    let account = ".projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not \
                   set";
    assert_source_at(29, token, &[short, account]);
    assert_source_at(30, token, &[short, absolute, account]);
}

#[test]
fn certificates_come_from_signers() {
    assert_source(
        "projected: {sources: [{clusterTrustBundle: {name: a, signerName: b.c/d, path: p}}, {podCertificate: {signerName: a}}]}",
        &[
            ".projected.sources[0].clusterTrustBundle: Invalid value: {\"Name\":\"a\",\"SignerName\":\"b.c/d\",\
             \"LabelSelector\":null,\"Optional\":null,\"Path\":\"p\",\"User\":null}: only one of name and signerName may be \
             used",
            ".projected.sources[1].podCertificate.signerName: Invalid value: \"a\": must be a fully qualified domain and path \
             of the form 'example.com/signer-name'",
            ".projected.sources[1].podCertificate.keyType: Unsupported value: \"\": supported values: \"RSA3072\", \
             \"RSA4096\", \"ECDSAP256\", \"ECDSAP384\", \"ECDSAP521\", \"ED25519\"",
            ".projected.sources[1].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and \
             certificateChainPath",
        ],
    );
}

#[test]
fn ephemeral_volumes_make_claims() {
    assert_source(
        "ephemeral: {volumeClaimTemplate: {metadata: {name: m, labels: {a: b}}, spec: {accessModes: [ReadWriteOncePod, \
         ReadOnlyMany], dataSource: {kind: K, name: m}}}}",
        &[
            ".ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            ".ephemeral.volumeClaimTemplate.spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
            ".ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
            ".ephemeral.volumeClaimTemplate.spec.dataSource: Invalid value: \"K\": must be 'PersistentVolumeClaim' when \
             referencing the default apiGroup",
        ],
    );
    let claim = "ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: \
                 0}}}}}";
    let size = ".ephemeral.volumeClaimTemplate.spec.resources[storage]: Invalid value: \"0\": must be greater than zero";
    assert_source_at(27, claim, &[size]);
    assert_source_at(
        26,
        claim,
        &[
            ".ephemeral.volumeClaimTemplate.spec.accessModes: Unsupported value: \"ReadWriteOncePod\": supported values: \
             \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\"",
            size,
        ],
    );
    let spec = "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: \
                {storage: 1Gi}}}}}}, {name: w, persistentVolumeClaim: {claimName: x-v}}]";
    assert_eq!(
        texts(spec),
        [
            "spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: \"x-v\": must not reference a PVC that gets created \
          for an ephemeral volume"
        ]
    );
}

#[test]
fn drivers_and_disks_say_what_they_need() {
    assert_source(
        "csi: {driver: a_b, nodePublishSecretRef: {}}",
        &[
            ".csi.driver: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
             characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ".csi.nodePublishSecretRef.name: Required value",
        ],
    );
    for (source, expected) in [
        (
            "azureFile: {shareName: s}",
            ".azureFile.secretName: Required value",
        ),
        (
            "gcePersistentDisk: {pdName: p, partition: 256}",
            ".persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
        ),
        (
            "fc: {wwids: [a], targetWWNs: [b], lun: 1}",
            ".fc.targetWWNs: Invalid value: [\"b\"]: targetWWNs and wwids can not be specified simultaneously",
        ),
        (
            "iscsi: {targetPortal: p, iqn: iqn.x}",
            ".iscsi.iqn: Invalid value: \"iqn.x\": must be valid format",
        ),
        (
            "quobyte: {registry: 'h:1,g', volume: v}",
            ".quobyte.registry: Invalid value: \"h:1,g\": must be a host:port pair or multiple pairs separated by commas",
        ),
        (
            "flexVolume: {driver: d, options: {a.k8s.io/b: c}}",
            ".flexVolume.options[a.k8s.io/b]: Invalid value: \"a.k8s.io/b\": kubernetes.io and k8s.io namespaces are reserved",
        ),
        (
            "azureDisk: {diskName: d, diskURI: u}",
            ".azureDisk.diskURI: Unsupported value: \"u\": supported values: \"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd\"",
        ),
        (
            "flocker: {datasetName: a/b}",
            ".flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
        ),
    ] {
        assert_source(source, &[expected]);
    }
    assert_source_at(
        33,
        "fc: {wwids: [a], targetWWNs: [b], lun: 1}",
        &[
            ".fc.targetWWNs: Invalid value: []string{\"b\"}: targetWWNs and wwids can not be specified simultaneously",
        ],
    );
}
