//! `exposed`: values to rotate, because someone who could read them no longer
//! may.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::checkout::Checkout;
use super::ui::Ui;
use super::{CliError, Context, Exit};
use crate::exposed::{Exposure, generated_values, stored_values};
use crate::model::{ApplicationName, EnvironmentName, HolderName, KeyName};
use crate::shell::quoted;
use crate::store::{Access, FormerHolders, Holders, Store, Withdrawals};

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 1 while a stored value is exposed. When a generated value \
    changed, only Vault knows: those are listed, and do not count.")]
pub(super) struct Args {
    /// Environment [default: all]
    environment: Option<EnvironmentName>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let wanted = |environment: &EnvironmentName| {
        args.environment.as_ref().is_none_or(|wanted| wanted == environment)
    };
    if let Some(name) = &args.environment {
        // A name that does not exist is a mistake, and no reason to be calm.
        context.checkout.environment(name)?;
    }
    let former = context.checkout.former_holders();
    let withdrawals = store.withdrawals()?;
    let exposed =
        Exposed::find(store, &store.holders, &withdrawals, &former, &context.checkout, wanted)?;
    if args.json {
        context.ui.json(&exposed.to_json())?;
    } else {
        print_exposed(&exposed, context.ui)?;
    }
    Ok(if exposed.stored.is_empty() { Exit::Done } else { Exit::Findings })
}

/// All that is exposed.
pub(super) struct Exposed {
    stored: Vec<Exposure>,
    generated: Vec<Exposure>,
}

impl Exposed {
    pub(super) fn find(
        store: &Store,
        holders: &Holders,
        withdrawals: &Withdrawals,
        former: &FormerHolders<'_>,
        checkout: &Checkout,
        wanted: impl Fn(&EnvironmentName) -> bool,
    ) -> Result<Self, CliError> {
        let stored =
            stored_values(store, holders, withdrawals, former, |id| wanted(&id.environment))?;
        // Only environments that are concerned are read.
        let concerned: BTreeSet<EnvironmentName> = checkout
            .layout
            .environments(&checkout.tree)?
            .into_iter()
            .filter(|name| wanted(name))
            .filter(|name| {
                withdrawals.iter().flat_map(|withdrawal| &withdrawal.access).any(|access| {
                    match access {
                        Access::Everything => store_has(store, name),
                        Access::Environment(own) | Access::Application(own, _) => own == name,
                    }
                })
            })
            .collect();
        let mut generated = Vec::new();
        for name in &concerned {
            let environment = checkout.environment(name)?;
            generated.extend(generated_values(&environment, holders, withdrawals));
        }
        Ok(Self { stored, generated })
    }

    fn to_json(&self) -> Report<'_> {
        Report {
            stored: self.stored.iter().map(|one| Row::of(one, set_command(one))).collect(),
            generated: self
                .generated
                .iter()
                .map(|one| Row::of(one, regenerate_command(one)))
                .collect(),
        }
    }
}

/// Whether the store holds anything for an environment.
fn store_has(store: &Store, environment: &EnvironmentName) -> bool {
    store.contents(environment).is_ok_and(|contents| contents.ids().next().is_some())
}

/// The JSON document.
#[derive(Serialize)]
struct Report<'a> {
    stored: Vec<Row<'a>>,
    generated: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    environment: &'a EnvironmentName,
    application: &'a ApplicationName,
    key: &'a KeyName,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_at: Option<String>,
    withdrawn: Vec<Withdrawn<'a>>,
    rotate: String,
}

impl<'a> Row<'a> {
    fn of(exposure: &'a Exposure, rotate: String) -> Self {
        let withdrawn = exposure.withdrawals.iter().map(|withdrawal| Withdrawn {
            holder: &withdrawal.holder,
            at: withdrawal.at.to_string(),
        });
        Self {
            environment: &exposure.id.environment,
            application: &exposure.id.application,
            key: &exposure.id.key,
            set_at: exposure.set_at.map(|at| at.to_string()),
            withdrawn: withdrawn.collect(),
            rotate,
        }
    }
}

#[derive(Serialize)]
struct Withdrawn<'a> {
    holder: &'a HolderName,
    at: String,
}

fn set_command(exposure: &Exposure) -> String {
    let id = &exposure.id;
    format!("phalanx-secrets set {} {} {}", id.environment, id.application, quoted(id.key.as_str()))
}

fn regenerate_command(exposure: &Exposure) -> String {
    let id = &exposure.id;
    let secret = format!("{}/{}", id.application, id.key);
    format!("phalanx-secrets sync {} --regenerate={}", id.environment, quoted(&secret))
}

/// Prints what is exposed, by who could read it, with what to do.
pub(super) fn print_exposed(exposed: &Exposed, ui: &Ui) -> Result<(), CliError> {
    let mut text = String::new();
    for (who, exposures) in by_holder(&exposed.stored) {
        text.push_str(&format!("Exposed to {who}, and not changed since:\n"));
        for exposure in exposures {
            let since = match exposure.set_at {
                Some(at) => format!("set {}", at),
                None => "set at an unknown time".to_owned(),
            };
            text.push_str(&format!("  • {} ({since})\n", exposure.id));
            text.push_str(&format!("    {}\n", set_command(exposure)));
        }
    }
    for (who, exposures) in by_holder(&exposed.generated) {
        text.push_str(&format!(
            "Generated, and perhaps read in Vault by {who} (Vault alone knows whether they \
             changed since):\n"
        ));
        for exposure in exposures {
            text.push_str(&format!("  • {}\n", exposure.id));
            text.push_str(&format!("    {}\n", regenerate_command(exposure)));
        }
    }
    ui.data(text.as_bytes())?;
    let is_vault_token =
        |exposure: &&Exposure| exposure.id.application.as_str() == crate::layout::VAULT_WRITE_TOKEN;
    if !exposed.stored.is_empty() {
        ui.hint(
            "git's history stays readable to them: change each of these where it comes from, \
             store the new value with the command below it, then sync",
        );
    }
    if exposed.stored.iter().any(|exposure| is_vault_token(&exposure)) {
        ui.hint("with the token for Vault they could read everything there: revoke it in Vault");
    }
    if exposed.stored.is_empty() && exposed.generated.is_empty() {
        ui.status("Nothing is exposed.");
    }
    Ok(())
}

/// Exposures by the holders, and since when.
fn by_holder(exposures: &[Exposure]) -> BTreeMap<String, Vec<&Exposure>> {
    let mut groups: BTreeMap<String, Vec<&Exposure>> = BTreeMap::new();
    for exposure in exposures {
        let who: Vec<String> = exposure
            .withdrawals
            .iter()
            .map(|withdrawal| format!("{} (until {})", withdrawal.holder, withdrawal.at))
            .collect();
        groups.entry(who.join(", ")).or_default().push(exposure);
    }
    groups
}
