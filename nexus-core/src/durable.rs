//! Writing files so that a power cut leaves the old or the new, never half: the only place that fsyncs and renames.
