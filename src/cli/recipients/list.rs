//! `recipients list`: holders by environments.

use serde::Serialize;

use crate::cli::{CliError, Context, Exit};
use crate::model::{EnvironmentName, HolderName};
use crate::store::{Access, Holder, SigningKey};

/// The space between columns.
const GAP: usize = 2;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a HolderName,
    keys: Vec<&'a str>,
    access: Vec<String>,
    signing_keys: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    if args.json {
        let rows = store.holders.iter().map(|(name, holder)| Row {
            name,
            keys: holder.keys.iter().map(|key| key.as_str()).collect(),
            access: holder.access.iter().map(Access::to_string).collect(),
            signing_keys: holder.signing_keys.iter().map(SigningKey::to_string).collect(),
        });
        context.ui.json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let environments = context.checkout.layout.environments(&context.checkout.tree)?;
    let holders: Vec<(&HolderName, &Holder)> = store.holders.iter().collect();
    let text = matrix(&holders, &environments, context.ui.width());
    context.ui.data(text.as_bytes())?;
    Ok(Exit::Done)
}

/// A table of holders by environments, or the other way round where only that
/// fits; else as many columns at a time as fit.
fn matrix(
    holders: &[(&HolderName, &Holder)],
    environments: &[EnvironmentName],
    width: Option<usize>,
) -> String {
    let names: Vec<String> = holders.iter().map(|(name, _)| name.to_string()).collect();
    let by_holder: Vec<Vec<String>> = holders
        .iter()
        .map(|(_, holder)| environments.iter().map(|name| cell(holder, name)).collect())
        .collect();
    let by_environment: Vec<Vec<String>> = environments
        .iter()
        .map(|name| holders.iter().map(|(_, holder)| cell(holder, name)).collect())
        .collect();
    let environments: Vec<String> = environments.iter().map(ToString::to_string).collect();
    let wide = Table { corner: "HOLDER", rows: &names, columns: &environments, cells: &by_holder };
    let tall = Table {
        corner: "ENVIRONMENT",
        rows: &environments,
        columns: &names,
        cells: &by_environment,
    };
    match width {
        Some(width) if wide.width() > width => tall.print(width),
        _ => wide.print(usize::MAX),
    }
}

/// What a holder may read of an environment.
fn cell(holder: &Holder, environment: &EnvironmentName) -> String {
    let mut applications = 0;
    for access in &holder.access {
        match access {
            Access::Everything => return "all".to_owned(),
            Access::Environment(own) if own == environment => return "all".to_owned(),
            Access::Application(own, _) if own == environment => applications += 1,
            Access::Environment(_) | Access::Application(..) => {}
        }
    }
    match applications {
        0 => "-".to_owned(),
        1 => "1 app".to_owned(),
        count => format!("{count} apps"),
    }
}

struct Table<'a> {
    corner: &'a str,
    rows: &'a [String],
    columns: &'a [String],
    cells: &'a [Vec<String>],
}

impl Table<'_> {
    fn first_width(&self) -> usize {
        self.rows.iter().map(|name| name.chars().count()).fold(self.corner.len(), usize::max)
    }

    fn column_width(&self, index: usize) -> usize {
        let heading = self.columns.get(index).map_or(0, |name| name.chars().count());
        let cells = self.cells.iter().filter_map(|row| row.get(index)).map(String::len);
        GAP + cells.fold(heading, usize::max)
    }

    fn width(&self) -> usize {
        self.first_width()
            + (0..self.columns.len()).map(|index| self.column_width(index)).sum::<usize>()
    }

    fn print(&self, width: usize) -> String {
        let mut blocks = Vec::new();
        let mut from = 0;
        loop {
            let mut to = from;
            let mut used = self.first_width();
            while to < self.columns.len()
                && (to == from || used.saturating_add(self.column_width(to)) <= width)
            {
                used = used.saturating_add(self.column_width(to));
                to += 1;
            }
            blocks.push(self.block(from, to));
            from = to;
            if from >= self.columns.len() {
                return blocks.join("\n");
            }
        }
    }

    fn block(&self, from: usize, to: usize) -> String {
        let line = |first: &str, cells: &[String]| {
            let mut line = format!("{first:<width$}", width = self.first_width());
            for (index, cell) in cells.iter().enumerate().skip(from).take(to - from) {
                let width = self.column_width(index) - GAP;
                line.push_str(&format!("{:GAP$}{cell:<width$}", ""));
            }
            format!("{}\n", line.trim_end())
        };
        let mut text = line(self.corner, self.columns);
        for (name, cells) in self.rows.iter().zip(self.cells) {
            text.push_str(&line(name, cells));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(access: &[&str]) -> Holder {
        let access = access.iter().map(|access| access.parse().unwrap()).collect();
        Holder { keys: Vec::new(), access, signing_keys: Vec::new() }
    }

    #[test]
    fn the_matrix_fits_the_terminal() {
        let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let (all, some) = (holder(&["*"]), holder(&["idfdev", "summit/nublado"]));
        let holders = [(&alice, &all), (&bob, &some)];
        let environments: Vec<EnvironmentName> =
            ["base", "idfdev", "summit"].map(|name| name.parse().unwrap()).into();
        insta::assert_snapshot!(matrix(&holders, &environments, None), @r"
        HOLDER  base  idfdev  summit
        alice   all   all     all
        bob     -     all     1 app
        ");
        insta::assert_snapshot!(matrix(&holders, &environments, Some(25)), @r"
        ENVIRONMENT  alice  bob
        base         all    -
        idfdev       all    all
        summit       all    1 app
        ");
        insta::assert_snapshot!(matrix(&holders, &environments, Some(19)), @r"
        ENVIRONMENT  alice
        base         all
        idfdev       all
        summit       all

        ENVIRONMENT  bob
        base         -
        idfdev       all
        summit       1 app
        ");
    }
}
