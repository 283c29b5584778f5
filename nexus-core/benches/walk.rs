//! One walk for the files of 1,000 sessions, beside one `find` over the same tree, and the memory of what is kept.
//!
//! `cargo bench -p nexus-core --bench walk`; `NEXUS_BENCH_FILES` says how many files the tree has (50,000 if
//! it is not set). The tree is made in the system's folder for temporary files, or in `$TMPDIR`, and removed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use nexus_core::walk::{Forest, Options, Root, Selection, Window, walk};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const INSTRUMENTS: usize = 10;
const FILES_A_FOLDER: usize = 50;
const SESSIONS: usize = 1_000;
const FILES_A_SESSION: usize = 25;
const ROUNDS: usize = 7;

/// One file every ten seconds, from this moment on.
fn time(file: usize) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + 10 * file as u64)
}

/// About 60 bytes of folders and 30 bytes of name for each file. Three of five have a suffix that counts.
fn grow(root: &Path, files: usize) {
    for folder in 0..files.div_ceil(FILES_A_FOLDER) {
        let path = root.join(format!(
            "Instrument_{:02}/Microscopy_Group_{:02}/user_name_{:03}/2024-05_sample_{folder:06}",
            folder % INSTRUMENTS,
            folder / INSTRUMENTS % 12,
            folder / INSTRUMENTS % 97,
        ));
        fs::create_dir_all(&path).unwrap();
        for file in (folder * FILES_A_FOLDER..files).take(FILES_A_FOLDER) {
            let suffix = ["dm3", "tif", "txt", "dm4", "log"][file % 5];
            let file = (file, path.join(format!("2024-05-17_image_{file:08}.{suffix}")));
            fs::File::create(file.1).unwrap().set_modified(time(file.0)).unwrap();
        }
    }
}

/// Sessions spread evenly; each belongs to the instrument whose folder its files are in.
fn roots(root: &Path, files: usize) -> Vec<Root> {
    let mut roots: Vec<Root> = (0..INSTRUMENTS)
        .map(|number| Root { path: root.join(format!("Instrument_{number:02}")), windows: Vec::new() })
        .collect();
    let slots = files / FILES_A_SESSION;
    for session in 0..SESSIONS.min(slots) {
        let first = session * slots / SESSIONS.min(slots) * FILES_A_SESSION;
        let window = Window {
            from: time(first) - Duration::from_secs(1),
            to: time(first + FILES_A_SESSION - 1) + Duration::from_secs(1),
        };
        roots[first / FILES_A_FOLDER % INSTRUMENTS].windows.push(window);
    }
    roots
}

/// The fastest and the middle of some rounds, after one to warm up.
fn timed(mut work: impl FnMut()) -> (Duration, Duration) {
    work();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[0], times[ROUNDS / 2])
}

fn find(root: &Path) {
    let status = Command::new("find")
        .arg(root)
        .args(["-type", "f", "-newermt", "2020-09-13T12:26:39Z"])
        .stdout(Stdio::null())
        .status()
        .expect("find");
    assert!(status.success());
}

fn main() {
    let files = std::env::var("NEXUS_BENCH_FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let dir = tempfile::tempdir().unwrap();
    grow(dir.path(), files);
    let roots = roots(dir.path(), files);
    let sessions: usize = roots.iter().map(|root| root.windows.len()).sum();
    println!("{files} files, {sessions} sessions, {INSTRUMENTS} instruments; fastest and median of {ROUNDS}");

    let (fastest, find_median) = timed(|| find(dir.path()));
    println!("find -type f -newermt        {fastest:>10.1?} {find_median:>10.1?}");

    let suffixes: Vec<String> = ["dm3", "dm4", "tif"].map(str::to_owned).into();
    let ignore: Vec<String> = ["*.mib", "*.db", "*.emi", "*.hdr"].map(str::to_owned).into();
    let exclusive = Selection::new(Some(&suffixes), &ignore).unwrap();
    let inclusive = Selection::new(None, &ignore).unwrap();
    let threads = std::thread::available_parallelism().unwrap().get();
    for (what, selection) in [("by suffix", &exclusive), ("every file", &inclusive)] {
        for threads in if threads == 1 { vec![1] } else { vec![1, threads] } {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options =
                Options { selection, follow_outside_links: false, pool: &pool, now: SystemTime::now() };
            let (fastest, median) = timed(|| drop(walk(&roots, &options)));
            let ratio = median.as_secs_f64() / find_median.as_secs_f64();
            println!(
                "walk, {what:<10}, {threads} thread(s) {fastest:>9.1?} {median:>10.1?}   {ratio:.2} x find"
            );
            if threads == 1 {
                memory(&roots, &options);
            }
        }
    }
    let all = Window { from: SystemTime::UNIX_EPOCH, to: time(files) };
    let everything: Vec<Root> =
        roots.iter().map(|root| Root { path: root.path.clone(), windows: vec![all] }).collect();
    let pool = rayon::ThreadPoolBuilder::new().build().unwrap();
    let options =
        Options { selection: &inclusive, follow_outside_links: false, pool: &pool, now: SystemTime::now() };
    println!("every file kept:");
    memory(&everything, &options);

    let forest = walk(&roots, &options);
    let (fastest, _) = timed(|| {
        slices(&forest, &roots);
    });
    println!("the slices of all sessions, paths and all: {fastest:.1?}");
    assert_eq!(slices(&forest, &roots), sessions * FILES_A_SESSION);
}

fn memory(roots: &[Root], options: &Options<'_>) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let forest = walk(roots, options);
    let (kept, held) = (forest.kept(), MEMORY.current_usage() - before);
    let peak = MEMORY.peak_usage() - before;
    let path = |root: &Root, number: usize| -> Option<PathBuf> {
        Some(forest.tree(number).ok()?.files(*root.windows.first()?).into_iter().next()?.path)
    };
    let example = roots.iter().enumerate().find_map(|(number, root)| path(root, number)).unwrap_or_default();
    println!(
        "    {kept} files kept, {} bytes each; at most {} kB while walking; such as {}",
        held / kept.max(1),
        peak / 1024,
        example.display()
    );
}

/// What the build does: every session takes its files.
fn slices(forest: &Forest, roots: &[Root]) -> usize {
    let trees = roots.iter().enumerate().map(|(number, root)| (forest.tree(number).unwrap(), root));
    trees.flat_map(|(tree, root)| root.windows.iter().map(move |&window| tree.files(window).len())).sum()
}
