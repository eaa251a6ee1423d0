//! What the library in C makes of some texts, at many levels and in many ways: `golden/README.md` tells how.

use std::path::Path;

use super::inflate;

#[test]
fn frames_of_the_library_in_c_are_inflated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/zstd");
    let mut frames = 0;
    for (kind, expected) in kinds() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.starts_with(&format!("{kind}-")) {
                continue;
            }
            let frame = std::fs::read(&path).unwrap();
            let mut out = Vec::new();
            let result = inflate(&frame, expected.len(), &mut out);
            assert_eq!(result, Ok(()), "{name}");
            assert!(out == expected, "{name}");
            frames += 1;
        }
    }
    assert_eq!(frames, 28);
}

/// The texts, by the beginnings of the frames' names.
fn kinds() -> [(&'static str, Vec<u8>); 8] {
    let mut rng = Rng(1);
    let log = (0..5400).flat_map(|_| {
        let level = ["INFO", "INFO", "WARN", "ERROR"][rng.below(4)];
        format!("{level} service-{} took {} ms\n", rng.below(6), rng.below(6)).into_bytes()
    });
    let log = log.collect();
    let mut rng = Rng(1);
    let letters =
        (0..5000).map(|_| b'a' + rng.below(26).min(rng.below(26)).min(rng.below(26)) as u8).collect();
    let mut rng = Rng(1);
    let random = (0..3000).map(|_| rng.below(256) as u8).collect();
    let mut rng = Rng(1);
    let numbers = (0..900).flat_map(|n| [1000 * n + rng.below(7), rng.below(3) * rng.below(60_000)]);
    let numbers = numbers.flat_map(|number| (number as u32).to_le_bytes()).collect();
    let mut rng = Rng(1);
    let runs = (0..600).flat_map(|_| {
        let byte = rng.below(256) as u8;
        vec![byte; 1 + rng.below(3).pow(2) * rng.below(400)]
    });
    let runs = runs.collect();
    [
        ("empty", Vec::new()),
        ("one", b"x".to_vec()),
        ("zeros", vec![0; 300_000]),
        ("log", log),
        ("letters", letters),
        ("random", random),
        ("numbers", numbers),
        ("runs", runs),
    ]
}

/// The same numbers everywhere.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end) as usize
    }
}
