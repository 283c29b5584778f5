//! The letters of a text's preview: eight pixels wide, sixteen high.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Rows from top to bottom; the leftmost pixel is the highest bit.
pub(super) type Glyph = [u8; 16];

/// Stands for a character that the font does not have.
pub(super) const BOX: Glyph =
    [0, 0, 0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0, 0, 0];

/// Characters that the font lacks, and what looks like them.
const ALIKE: [(char, char); 14] = [
    ('\u{a0}', ' '),
    ('\u{202f}', ' '),
    ('—', '–'),
    ('‐', '-'),
    ('‑', '-'),
    ('−', '-'),
    ('‚', ','),
    ('„', '"'),
    ('ˆ', '^'),
    ('•', '·'),
    ('\u{3bc}', 'µ'),
    ('\u{2126}', 'Ω'),
    ('\u{212b}', 'Å'),
    ('\u{2009}', ' '),
];

/// The font file stands in the program; this is the index to its letters.
static GLYPHS: LazyLock<HashMap<char, Glyph>> = LazyLock::new(|| {
    let mut glyphs = read(spleen_font::FONT_8X16).unwrap_or_default();
    for (lacking, alike) in ALIKE {
        if let Some(glyph) = glyphs.get(&alike).copied() {
            glyphs.entry(lacking).or_insert(glyph);
        }
    }
    glyphs
});

/// The picture of a character; a box if there is none.
pub(super) fn glyph(character: char) -> &'static Glyph {
    GLYPHS.get(&character).unwrap_or(&BOX)
}

/// Reads a font in the PSF 1 format: four bytes of header, the glyphs, then for each glyph its characters
/// as 16-bit units, ended by FFFF; what follows a FFFE are sequences, which are not used here.
fn read(font: &[u8]) -> Option<HashMap<char, Glyph>> {
    let [0x36, 0x04, mode, 16] = *font.first_chunk()? else { return None };
    let count = if mode & 1 == 0 { 256 } else { 512 };
    let (pictures, table) = font.get(4..)?.split_at_checked(count * 16)?;
    let mut units = table.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(*pair.first_chunk()?)));
    let mut glyphs = HashMap::with_capacity(1024);
    for picture in pictures.chunks_exact(16) {
        let mut single = true;
        for unit in units.by_ref().take_while(|unit| *unit != 0xffff) {
            single &= unit != 0xfffe;
            if single && let Some(character) = char::from_u32(u32::from(unit)) {
                glyphs.insert(character, *picture.first_chunk()?);
            }
        }
    }
    Some(glyphs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_latin_1_and_latin_9_has_a_picture() {
        let printable = (' '..='~').chain('\u{a0}'..='ÿ').chain("€ŠšŽžŒœŸ".chars());
        for character in printable.filter(|c| *c != '\u{ad}') {
            assert_ne!(glyph(character), &BOX, "{character}");
        }
        for character in "μµΩÅ°–—…‘’“”≤≥±²³".chars() {
            assert_ne!(glyph(character), &BOX, "{character}");
        }
    }

    #[test]
    fn letters_are_told_apart_and_a_blank_is_blank() {
        assert_eq!(glyph(' '), &[0; 16]);
        assert_ne!(glyph('l'), glyph('1'));
        assert_eq!(glyph('漢'), &BOX);
    }

    #[test]
    fn a_font_of_another_form_is_refused() {
        assert!(read(b"").is_none());
        assert!(read(&[0x36, 0x04, 3, 8]).is_none());
        assert!(read(&[0x36, 0x04, 3, 16, 0, 0]).is_none());
    }
}
