//! Verifying the history before anything of it is used.

use git2::Oid;

use super::checkout::{Checkout, RevisionArgs};
use super::{CliError, Context};
use crate::model::EnvironmentName;
use crate::repo::{GitRepository, Revision, setting, short};
use crate::trust::{Scope, Verified, VerifiedHistory, verify};

/// The setting of git that names the trusted commit for a clone.
const GIT_SETTING: &str = "phalanx-secrets.trustRoot";

/// How history is verified.
#[derive(Debug, clap::Args)]
pub(super) struct RootArgs {
    /// Commit from which history is verified, its full name; it must come from
    /// elsewhere than the repository [default: PHALANX_SECRETS_TRUST_ROOT, or
    /// git's setting phalanx-secrets.trustRoot]
    #[arg(long, value_name = "COMMIT")]
    trust_root: Option<String>,
}

/// Whether history is verified.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// Go on only if each change since the trusted commit is signed by
    /// somebody who may make it; so too with a trusted commit, or where
    /// store.toml has it
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    root: RootArgs,

    /// Go on where Vault was synced from a commit that is not in this history
    #[arg(long)]
    allow_rollback: bool,
}

impl RootArgs {
    /// The trusted commit, as it was given. One that is set to nothing, or that
    /// cannot be read, is an error: nobody who set it wants to go without.
    fn given(&self, context: &Context<'_>) -> Result<Option<String>, CliError> {
        if let Some(root) = &self.trust_root {
            return Ok(Some(root.clone()));
        }
        if let Some(root) = context.settings.trust_root()? {
            return Ok(Some(root));
        }
        let place = &context.checkout.place;
        let is_elsewhere = context.settings.names_git_settings();
        let root = setting(place, GIT_SETTING, is_elsewhere)?;
        if root.as_ref().is_some_and(|root| root.trim().is_empty()) {
            return Err(CliError::usage(format!("git's setting {GIT_SETTING} is empty"))
                .hint(format!("set it: git config {GIT_SETTING} COMMIT"))
                .hint(format!("or see where it stands: git config --show-origin {GIT_SETTING}")));
        }
        Ok(root)
    }

    /// Verifies the history of a commit, as far as it concerns environments.
    pub(super) fn verify(
        &self,
        context: &Context<'_>,
        repository: &GitRepository,
        commit: Oid,
        environments: impl IntoIterator<Item = EnvironmentName>,
    ) -> Result<Verified, CliError> {
        let root = self.given(context)?.ok_or_else(no_root)?;
        // A name can be moved by whoever can push.
        let is_full = root.len() == 40 && root.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_full {
            return Err(CliError::usage("the trusted commit is not the full name of a commit")
                .hint("it has 40 digits, as printed by: git rev-parse REVISION".to_owned()));
        }
        let root = repository.resolve(&root)?;
        let environments = environments.into_iter().collect();
        let scope = Scope { layout: context.checkout.layout, environments };
        let progress = context.ui.progress("Verifying the history".to_owned());
        let verified = verify(repository, root, commit, &scope)?;
        drop(progress);
        context.ui.status(&format!(
            "Verified {} since the trusted {}: {} what matters, and {} signed by those who may.",
            match verified.commits {
                1 => "1 commit".to_owned(),
                count => format!("{count} commits"),
            },
            short(root),
            match verified.signed {
                1 => "1 changes".to_owned(),
                count => format!("{count} change"),
            },
            if verified.signed == 1 { "is" } else { "are" },
        ));
        Ok(verified)
    }
}

impl TrustArgs {
    /// Whether Vault may have been synced from a commit that is not in this
    /// history.
    pub(super) fn may_go_back(&self) -> bool {
        self.allow_rollback
    }

    /// Verifies the history where that is asked for, and has everything read
    /// from the commit that was verified.
    pub(super) fn apply(
        &self,
        context: &mut Context<'_>,
        environment: &EnvironmentName,
    ) -> Result<Option<VerifiedHistory>, CliError> {
        let store = context.checkout.store_if_any();
        let is_enforced = store.is_some_and(|store| store.settings.trust.enforce);
        let is_given = self.root.given(context)?.is_some();
        if !self.verify && !is_enforced && !is_given {
            return Ok(None);
        }
        let repository = context.checkout.repository()?;
        let commit = match context.checkout.commit {
            Some(commit) => commit,
            None => {
                let revision = Revision::of_work_tree(&repository, context.checkout.layout)?;
                refuse_modified(&revision, "only what is committed can be verified")?;
                context.checkout = Checkout::find_at(
                    Some(&context.checkout.place),
                    &RevisionArgs::of_commit(revision.commit),
                    context.settings,
                )?;
                revision.commit
            }
        };
        self.root.verify(context, &repository, commit, [environment.clone()])?;
        Ok(Some(VerifiedHistory { repository, commit, may_go_back: self.allow_rollback }))
    }
}

/// Refuses a work tree whose files differ from the commit.
pub(super) fn refuse_modified(revision: &Revision, why: &str) -> Result<(), CliError> {
    if revision.modified.is_empty() {
        return Ok(());
    }
    let commit = short(revision.commit);
    let message = format!("the work tree differs from commit {commit}, and {why}");
    let files = revision.modified.iter().take(SHOWN).cloned();
    let more = revision.modified.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    Err(CliError::store(message).detail(files.chain(more)).hint(
        "commit or stash these changes; or take the commit as it is, with: --rev HEAD".to_owned(),
    ))
}

/// How many files are named.
const SHOWN: usize = 10;

fn no_root() -> CliError {
    CliError::usage("there is no trusted commit from which to verify the history").hint(format!(
        "one that you have looked at yourself; name it with --trust-root COMMIT, in \
         PHALANX_SECRETS_TRUST_ROOT, or for this clone with: git config {GIT_SETTING} COMMIT"
    ))
}
