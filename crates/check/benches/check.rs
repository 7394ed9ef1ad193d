//! Reading and judging ten thousand Windows pods in one file, against iterating the YAML parser's events alone.
//!
//! All on one thread. Asked is at least 60 % of the speed of the events.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use granit_parser::Parser;
use porthole_check::{File, Settings, World, judge};
use porthole_tests::windows_pods;

fn benches(criterion: &mut Criterion) {
    let text = windows_pods::file(10_000);
    let settings = Settings::default();
    let mut group = criterion.benchmark_group("10,000 pods");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("the parser's events", |bencher| {
        bencher.iter(|| Parser::new_from_str(black_box(&text)).flatten().count());
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            File::parse("pods.yaml", black_box(text.as_str()))
                .stream
                .documents
                .len()
        });
    });
    group.bench_function("read and judged", |bencher| {
        bencher.iter(|| {
            let files = [File::parse("pods.yaml", black_box(text.as_str()))];
            let world = World::of(&files, &settings);
            judge(&files[0], &world, &settings).len()
        });
    });
    group.finish();
}

criterion_group!(check, benches);
criterion_main!(check);
