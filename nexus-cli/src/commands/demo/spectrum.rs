//! An invented X-ray spectrum in the EMSA/MAS form of ISO 22029: keywords in the first thirteen columns,
//! then the counts, one channel a line.

use chrono::{DateTime, FixedOffset};

use super::noise::{Noise, hill};

const CHANNELS: u32 = 1024;

/// Energy of a channel, eV.
const EV_PER_CHANNEL: u32 = 10;

/// A spectrum file; the same bytes for the same name.
pub fn msa(name: &str, title: &str, owner: &str, saved: DateTime<FixedOffset>) -> String {
    use std::fmt::Write as _;
    // The form is ASCII, a title at most 64 characters.
    let ascii = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(64).collect()
    };
    let mut text = String::new();
    let mut keyword = |word: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{word:<13}: {value}\r\n");
    };
    keyword("#FORMAT", "EMSA/MAS Spectral Data File");
    keyword("#VERSION", "1.0");
    keyword("#TITLE", &ascii(title));
    keyword("#DATE", &saved.format("%d-%b-%Y").to_string().to_uppercase());
    keyword("#TIME", &saved.format("%H:%M").to_string());
    keyword("#OWNER", &ascii(owner));
    keyword("#NPOINTS", &format!("{CHANNELS}."));
    keyword("#NCOLUMNS", "1.");
    keyword("#XUNITS", "eV");
    keyword("#YUNITS", "counts");
    keyword("#DATATYPE", "Y");
    keyword("#XPERCHAN", &format!("{EV_PER_CHANNEL}."));
    keyword("#OFFSET", "0.");
    keyword("#SIGNALTYPE", "EDS");
    keyword("#BEAMKV   -kV", "20.0");
    keyword("#SPECTRUM", "Spectral Data Starts Here");
    for count in counts(name) {
        let _ = write!(text, "{count}.,\r\n");
    }
    text.push_str("#ENDOFDATA   : \r\n");
    text
}

fn counts(name: &str) -> Vec<u32> {
    let mut noise = Noise::named(name);
    let lines: Vec<(u32, u32)> = (0..6).map(|_| (40 + noise.below(800), 200 + noise.below(3_000))).collect();
    (0..CHANNELS)
        .map(|channel| {
            let ground = hill(u64::from(channel.abs_diff(150)).pow(2), 900, 120);
            let peaks: u32 = lines
                .iter()
                .map(|(at, height)| hill(u64::from(channel.abs_diff(*at)).pow(2), 12, *height))
                .sum();
            ground + peaks + noise.around(6)
        })
        .collect()
}
