//! Building the tree against iterating the parser's events alone, on ten thousand Windows pods in one file.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use granit_parser::Parser;
use porthole_manifest::{Limits, Source, objects, parse, pod_template};

/// About 10 MB: pods as people write them, with comments, quotes and an anchor now and then.
fn pods() -> String {
    let mut text = String::new();
    for number in 0..10_000 {
        let written = write!(
            text,
            r#"---
# Agent {number} of the node pool
apiVersion: v1
kind: Pod
metadata:
  name: agent-{number}
  namespace: kube-system
  labels:
    app.kubernetes.io/name: agent
    app.kubernetes.io/instance: "agent-{number}"
    tier: node
  annotations:
    description: "collects the counters of pool \"{number}\""
spec:
  os:
    name: windows
  hostNetwork: true
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: 'NT AUTHORITY\SYSTEM'
  nodeSelector:
    kubernetes.io/os: windows
  tolerations:
  - operator: Exists # everywhere
  containers:
  - name: agent
    image: registry.example.com/agents/windows:v1.{number}
    imagePullPolicy: Always
    command:
    - powershell.exe
    - -NoLogo
    - -File
    - $env:CONTAINER_SANDBOX_MOUNT_POINT/agent.ps1
    args: ["--port", "9182", "--level", info]
    env:
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    - name: INTERVAL
      value: "30"
    resources:
      requests: {{cpu: 50m, memory: 64Mi}}
      limits: {{cpu: 500m, memory: 256Mi}}
    ports:
    - containerPort: 9182
      hostPort: 9182
      name: metrics
    volumeMounts:
    - name: config
      mountPath: /etc/agent
      readOnly: true
  volumes:
  - name: config
    configMap:
      name: agent-config
"#
        );
        debug_assert!(written.is_ok());
    }
    text
}

fn benches(criterion: &mut Criterion) {
    let text = pods();
    let source = Source::new("pods.yaml", text.as_str());
    let mut group = criterion.benchmark_group("10,000 pods");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("the parser's events", |bencher| {
        bencher.iter(|| Parser::new_from_str(black_box(&text)).flatten().count());
    });
    group.bench_function("the tree", |bencher| {
        bencher.iter(|| source.parse(&Limits::default()).documents.len());
    });
    group.bench_function("the tree and its templates", |bencher| {
        bencher.iter(|| {
            let stream = parse(black_box(&text), &Limits::default());
            let templates = |document| {
                objects(document)
                    .iter()
                    .filter(|object| pod_template(object).is_some())
                    .count()
            };
            stream.documents.iter().map(templates).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(tree, benches);
criterion_main!(tree);
