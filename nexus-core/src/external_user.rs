//! Users' identifiers in other systems: table `external_user_identifiers`.

use crate::text_enum::text_enum;

text_enum! {
    /// A system in which a user has an identifier of his own.
    pub enum ExternalSystem as "an external system", error NotAnExternalSystem {
        /// The NEMO scheduler.
        Nemo = "nemo",
        /// LabArchives, the electronic notebook.
        LabArchivesEln = "labarchives_eln",
        /// LabArchives, the scheduler.
        LabArchivesScheduler = "labarchives_scheduler",
        /// CDCS, the curation system.
        Cdcs = "cdcs",
    }
}
