//! What happened at the invented facility in autumn 2024. Fixed, so that every demo is the same.

/// One row of the usage log, and the files of that use.
pub struct Use {
    /// `id` in the log.
    pub id: &'static str,
    /// The tool, as the log calls it.
    pub tool: &'static str,
    /// User name and full name.
    pub user: (&'static str, &'static str),
    /// Begin, RFC 3339.
    pub start: &'static str,
    /// End, RFC 3339; `None` while in use.
    pub end: Option<&'static str>,
    /// Whether the log writes the offset, too.
    pub with_offset: bool,
    /// Title.
    pub title: &'static str,
    /// Samples and their elements, `;` between samples.
    pub samples: (&'static str, &'static str),
    /// The answer to the question of consent.
    pub consent: &'static str,
    /// Whether it was called off.
    pub cancelled: bool,
    /// Its files.
    pub series: &'static [Series],
    /// What the demo shows with it.
    pub shows: &'static str,
}

impl Use {
    /// The session it becomes, if it becomes one.
    pub fn session(&self) -> String {
        format!("logbook:{}/{}", super::logbook::NAME, self.id)
    }
}

/// Files saved one after the other.
pub struct Series {
    /// What their names begin with; of several files, a number follows.
    pub name: &'static str,
    /// `tif` or `msa`.
    pub suffix: &'static str,
    /// How many.
    pub count: u32,
    /// Minutes from the session's begin to the first one.
    pub first: u32,
    /// Minutes between two.
    pub step: u32,
}

const fn series(name: &'static str, suffix: &'static str, count: u32, first: u32, step: u32) -> Series {
    Series { name, suffix, count, first, step }
}

const ANNA: (&str, &str) = ("akoch", "Anna Koch");
const BEA: (&str, &str) = ("bortiz", "Bea Ortiz");
const CHEN: (&str, &str) = ("cliang", "Chen Liang");
const JOERG: (&str, &str) = ("jmueller", "Jörg Müller");

pub const TITAN: &str = "Demo-Titan-TEM";
pub const QUANTA: &str = "Demo-Quanta-SEM";
pub const HELIOS: &str = "Demo-Helios-FIB";

/// All uses, in the order of the log.
pub const USES: [Use; 13] = [
    Use {
        id: "2024-101",
        tool: TITAN,
        user: ANNA,
        start: "2024-10-21T09:00:00-06:00",
        end: Some("2024-10-21T11:30:00-06:00"),
        with_offset: false,
        title: "Grain boundaries in cold-rolled AlMg3",
        samples: ("AlMg3-7", "Al Mg"),
        consent: "yes",
        cancelled: false,
        series: &[series("almg3_hrtem_", "tif", 5, 12, 9), series("almg3_eels_", "msa", 3, 70, 8)],
        shows: "an ordinary session: images and spectra",
    },
    Use {
        id: "2024-102",
        tool: TITAN,
        user: BEA,
        start: "2024-10-21T13:00:00-06:00",
        end: Some("2024-10-21T17:00:00-06:00"),
        with_offset: false,
        title: "Precipitates before and after annealing",
        samples: ("Cu-Ni-Si", "Cu Ni Si"),
        consent: "yes",
        cancelled: false,
        series: &[series("before_", "tif", 4, 10, 3), series("after_", "tif", 4, 190, 4)],
        shows: "two bursts of work in one session",
    },
    Use {
        id: "2024-103",
        tool: QUANTA,
        user: CHEN,
        start: "2024-10-22T10:00:00+02:00",
        end: Some("2024-10-22T12:00:00+02:00"),
        with_offset: false,
        title: "Customer part, confidential",
        samples: ("", ""),
        consent: "no",
        cancelled: false,
        series: &[series("part_", "tif", 2, 20, 15)],
        shows: "consent refused: no record",
    },
    Use {
        id: "2024-104",
        tool: QUANTA,
        user: JOERG,
        start: "2024-10-22T14:00:00+02:00",
        end: Some("2024-10-22T15:30:00+02:00"),
        with_offset: false,
        title: "Fracture surface, quick look",
        samples: ("X-7", "Fe C"),
        consent: "",
        cancelled: false,
        series: &[series("x7_", "tif", 2, 15, 10)],
        shows: "consent not answered: no record",
    },
    Use {
        id: "2024-105",
        tool: HELIOS,
        user: ANNA,
        start: "2024-10-23T08:30:00-06:00",
        end: Some("2024-10-23T09:30:00-06:00"),
        with_offset: false,
        title: "Alignment",
        samples: ("", ""),
        consent: "yes",
        cancelled: false,
        series: &[],
        shows: "no files, and too late for any to come",
    },
    Use {
        id: "2024-106",
        tool: QUANTA,
        user: CHEN,
        start: "2024-10-26T22:00:00+02:00",
        end: Some("2024-10-27T06:00:00+01:00"),
        with_offset: true,
        title: "Creep overnight",
        samples: ("IN718-2", "Ni Cr Fe"),
        consent: "Agree",
        cancelled: false,
        // The clocks go back at 3 o'clock: two of these are saved at half past two.
        series: &[series("creep_", "tif", 8, 30, 60)],
        shows: "the night when the clocks go back",
    },
    Use {
        id: "2024-107",
        tool: HELIOS,
        user: JOERG,
        start: "2024-10-28T09:00:00-06:00",
        end: Some("2024-10-28T10:30:00-06:00"),
        with_offset: false,
        title: "Beschichtung <A> & \"B\", 50 % Schräglage",
        samples: ("Prüfkörper Ä & Ö", "Ti N"),
        consent: "yes",
        cancelled: false,
        series: &[
            series("Überblick 50% & mehr #", "tif", 2, 10, 12),
            series("Gefüge [Rand] +5°", "tif", 1, 45, 1),
        ],
        shows: "names with blanks, umlauts, % and &",
    },
    Use {
        id: "2024-108",
        tool: TITAN,
        user: BEA,
        start: "2024-10-29T10:00:00-06:00",
        end: Some("2024-10-29T12:00:00-06:00"),
        with_offset: false,
        title: "Catalyst series",
        samples: ("Pt-1; Pt-2; Pt-3", "Pt C; Pt C; Pt Ru C"),
        consent: "yes",
        cancelled: false,
        series: &[series("pt_", "tif", 3, 8, 14), series("pt_eds_", "msa", 3, 11, 14)],
        shows: "several samples in one session",
    },
    Use {
        id: "2024-109",
        tool: QUANTA,
        user: JOERG,
        start: "2024-10-30T08:15:00+01:00",
        end: Some("2024-10-30T09:45:00+01:00"),
        with_offset: false,
        title: "Slag inclusions",
        samples: ("S355-melt-12", "Fe Mn Al O"),
        consent: "yes",
        cancelled: false,
        series: &[series("inclusion_", "msa", 6, 10, 6)],
        shows: "spectra only",
    },
    Use {
        id: "2024-110",
        tool: HELIOS,
        user: CHEN,
        start: "2024-10-31T13:00:00-06:00",
        end: Some("2024-10-31T15:00:00-06:00"),
        with_offset: false,
        title: "Lamella for TEM",
        samples: ("", ""),
        consent: "yes",
        cancelled: true,
        series: &[],
        shows: "called off",
    },
    Use {
        id: "2024-111",
        tool: "Optical bench",
        user: ANNA,
        start: "2024-11-04T09:00:00-07:00",
        end: Some("2024-11-04T09:30:00-07:00"),
        with_offset: false,
        title: "Overview photographs",
        samples: ("", ""),
        consent: "yes",
        cancelled: false,
        series: &[],
        shows: "a tool that is no instrument here: counted, not stored",
    },
    Use {
        id: "2024-112",
        tool: HELIOS,
        user: ANNA,
        start: "2024-11-05T09:00:00-07:00",
        end: Some("2024-11-05T11:00:00-07:00"),
        with_offset: true,
        title: "Lamella from AlMg3-7",
        samples: ("AlMg3-7", "Al Mg"),
        consent: "yes",
        cancelled: false,
        series: &[series("lamella_", "tif", 4, 15, 20)],
        shows: "an ordinary session",
    },
    Use {
        id: "2024-113",
        tool: TITAN,
        user: CHEN,
        start: "2024-11-06T08:00:00-07:00",
        end: None,
        with_offset: false,
        title: "In-situ heating",
        samples: ("IN718-2", "Ni Cr Fe"),
        consent: "yes",
        cancelled: false,
        series: &[series("insitu_", "tif", 2, 30, 30)],
        shows: "still in use: waits for its end",
    },
];
