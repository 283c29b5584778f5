//! A session, its status and the permitted moves between them.

use crate::text_enum::text_enum;

text_enum! {
    /// What a row of `session_log` tells.
    pub enum EventType as "an event type", error NotAnEventType {
        /// The session began.
        Start = "START",
        /// The session ended.
        End = "END",
        /// A record of the session was begun.
        RecordGeneration = "RECORD_GENERATION",
    }
}

text_enum! {
    /// How far a session is; all rows of one session hold the same.
    pub enum RecordStatus as "a record status", error NotARecordStatus {
        /// Built, and delivered as the export strategy asks.
        Completed = "COMPLETED",
        /// Started and not ended; only other session loggers write it.
        WaitingForEnd = "WAITING_FOR_END",
        /// Ended, to be built.
        ToBeBuilt = "TO_BE_BUILT",
        /// Built; the deliveries do not meet the export strategy.
        BuiltNotExported = "BUILT_NOT_EXPORTED",
        /// Could not be built.
        Error = "ERROR",
        /// There are no files, and the file delay is over.
        NoFilesFound = "NO_FILES_FOUND",
        /// The user did not agree.
        NoConsent = "NO_CONSENT",
        /// Nobody reserved the instrument for it.
        NoReservation = "NO_RESERVATION",
    }
}
