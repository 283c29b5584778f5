//! The shared schema's revisions, one by one and in every order.

mod adoption;
mod backups;
mod files;
mod integrity;
mod moves;
mod refusals;
mod samples;
mod stamps;
