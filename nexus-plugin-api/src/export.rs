//! How a plugin offers itself: as a value in the same program, or as the symbol of a library.

use crate::Plugin;
use crate::abi::NexusPluginTable;

/// A plugin seen through its table, be it in this program or in a library.
#[derive(Debug, Clone, Copy)]
pub struct PluginEntry(*const NexusPluginTable);

// SAFETY: the pointer is to a table that is never written and lives for ever (the promise of
// `from_table`, kept by `guest::entry` with a static), and its functions may be called from any thread.
unsafe impl Send for PluginEntry {}
// SAFETY: as above; nothing can be changed through a shared entry.
unsafe impl Sync for PluginEntry {}

impl PluginEntry {
    /// An entry from a table, whatever language it was written in.
    ///
    /// # Safety
    /// `table` is null, or points to a table that stays valid and unchanged for the rest of the
    /// process, has as many bytes as its `struct_size` says, and whose functions keep the
    /// conventions of `nexus_plugin.h`.
    #[must_use]
    pub const unsafe fn from_table(table: *const NexusPluginTable) -> Self {
        Self(table)
    }

    /// The table, as the entry symbol returns it.
    #[must_use]
    pub const fn table(self) -> *const NexusPluginTable {
        self.0
    }
}

/// Says which plugin stands behind an entry. Written by [`plugin_entry!`](crate::plugin_entry), not by hand.
pub trait Provide: 'static {
    /// The plugin: the same one at every call.
    fn plugin() -> &'static dyn Plugin;
}

/// Makes a [`PluginEntry`] from an expression whose value is a [`Plugin`]; exports no symbol, so that
/// one program may hold many. The expression is evaluated once, at the first use.
///
/// ```
/// # use nexus_plugin_api::{Instance, Manifest, Plugin, PluginError, PluginKind, plugin_entry};
/// struct Diary;
/// impl Plugin for Diary {
///     fn manifest(&self) -> Manifest {
///         Manifest::new("diary", "1.0.0", PluginKind::Harvester)
///     }
///     fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
///         Err(PluginError::permanent("`file` is missing"))
///     }
/// }
/// let entry = plugin_entry!(Diary);
/// assert!(!entry.table().is_null());
/// ```
#[macro_export]
macro_rules! plugin_entry {
    ($plugin:expr) => {{
        struct Here;
        impl $crate::export::Provide for Here {
            fn plugin() -> &'static dyn $crate::Plugin {
                static PLUGIN: ::std::sync::LazyLock<::std::boxed::Box<dyn $crate::Plugin>> =
                    ::std::sync::LazyLock::new(|| ::std::boxed::Box::new($plugin));
                &**PLUGIN
            }
        }
        $crate::guest::entry::<Here>()
    }};
}

/// Exports the entry symbol of a plugin library. Once per library, in a crate of type `cdylib`.
///
/// A library must be compiled with `panic = "unwind"`, or a panic would end the host as well; with
/// `panic = "abort"` this does not compile.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:expr) => {
        #[cfg(panic = "abort")]
        ::std::compile_error!(
            "a nexus plugin must be compiled with panic = \"unwind\": with \"abort\" its panic ends the host"
        );

        const _: () = {
            /// The table of this plugin.
            #[unsafe(no_mangle)]
            pub extern "C" fn nexus_plugin_entry() -> *const $crate::abi::NexusPluginTable {
                $crate::plugin_entry!($plugin).table()
            }
        };
    };
}
