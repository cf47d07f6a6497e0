//! Exit codes: each has one meaning in all commands. The README tells it to
//! people, and a test compares the two.

/// The exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is done, or clean.
    Done,
    /// There are findings.
    Findings,
    /// What the command was given is wrong: an option, a name, a file, a value,
    /// a variable; or nobody is there to answer.
    Usage,
    /// The checkout, the store or a key is.
    Store,
    /// A server could not be asked, or did not do what was asked of it.
    Vault,
    /// Vault changed under us: meanwhile, or by hand where that is refused.
    Changed,
    /// The one of a process that was run.
    OfProcess(u8),
}

impl Exit {
    /// The code.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Store => 3,
            Self::Vault => 4,
            Self::Changed => 5,
            Self::OfProcess(code) => code,
        }
    }
}
