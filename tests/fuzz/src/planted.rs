//! Targets that do what no target may, so that a test can see that each is caught.

use crate::targets::{Run, Target};

const fn planted(name: &'static str, run: fn(&str) -> u64) -> Target {
    Target {
        name,
        about: "fails on purpose",
        seeds: || vec![b"tokenkeep".to_vec()],
        run: Run::Text(run),
        most: 1000,
    }
}

/// One for each way to fail, and one that does not.
pub(crate) const TARGETS: &[Target] = &[
    planted("planted-nothing", |input| u64::from(input.is_empty())),
    planted("planted-panic", |input| {
        assert!(!input.contains("&&"), "two of them in {} bytes", input.len());
        0
    }),
    planted("planted-overflow", |input| {
        let length = u8::try_from(input.len().min(255)).unwrap_or_default();
        u64::from(length * 2)
    }),
    planted("planted-hang", |input| {
        while input.contains("&&") {
            std::hint::spin_loop();
        }
        0
    }),
    planted("planted-memory", |input| {
        let size = if input.contains("&&") { 9 << 20 } else { 7 << 20 };
        std::hint::black_box(vec![1_u8; size]).len() as u64
    }),
    planted(
        "planted-crash",
        |input| if input.contains("&&") { deeper(1) } else { 0 },
    ),
];

/// Uses the stack up.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn deeper(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    deeper(here[0] + 1) + here[63]
}
