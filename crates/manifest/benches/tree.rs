//! Building the tree against iterating the parser's events alone, on ten thousand Windows pods in one file.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use granit_parser::Parser;
use porthole_manifest::{Limits, Source, objects, parse, pod_template};
use porthole_tests::windows_pods;

fn benches(criterion: &mut Criterion) {
    let text = windows_pods::file(10_000);
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
