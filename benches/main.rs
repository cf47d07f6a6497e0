//! What costs time: sealing and opening, loading and resolving, planning.
//!
//! Run with `cargo bench`. Figures are for comparing with each other on one
//! machine: sealing to ten recipients beside one, an environment's load beside
//! its resolving. The reference data of Phalanx is used where it lies beside
//! the repository; without it that benchmark says so and is left out.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "criterion's macros, and a bench may stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use phalanx_secrets::layout::Layout;
use phalanx_secrets::model::{
    Application, Environment, Generator, Kind, SecretId, Spec, VaultLocation,
};
use phalanx_secrets::plan::plan;
use phalanx_secrets::resolve::{Inputs, Minted, Policy, mint, resolve};
use phalanx_secrets::static_values::StaticValues;
use phalanx_secrets::store::{Identities, IdentitySource, Recipient, RecipientSet, open, seal};
use phalanx_secrets::tree::Tree;
use phalanx_secrets::vault::{CurrentSecrets, CurrentValue, Entry};

use age::secrecy::ExposeSecret as _;

/// A value of the length of a password, sealed to 1, 5 and 10 recipients; the
/// identity that opens it is that of the last.
fn sealing(criterion: &mut Criterion) {
    let id = SecretId::parse("idfdev", "gafaelfawr", "ldap-password").unwrap();
    let value = "x".repeat(40).into();
    let mut keys: Vec<age::x25519::Identity> =
        (0..10).map(|_| age::x25519::Identity::generate()).collect();
    // As the file's header has them.
    keys.sort_by_key(|key| key.to_public().to_string());
    let mut group = criterion.benchmark_group("sealed value");
    for count in [1, 5, 10] {
        let chosen = &keys[..count];
        let recipients: RecipientSet = chosen
            .iter()
            .map(|key| key.to_public().to_string().parse::<Recipient>().unwrap())
            .collect();
        group.bench_function(BenchmarkId::new("seal", count), |bencher| {
            bencher.iter(|| seal(&value, &id, Timestamp::UNIX_EPOCH, &recipients).unwrap());
        });

        let sealed = seal(&value, &id, Timestamp::UNIX_EPOCH, &recipients).unwrap();
        let text = chosen.last().unwrap().to_string().expose_secret().to_owned();
        let source = IdentitySource::Text { text: text.into(), named_by: "the bench" };
        let identities = Identities::load(&[source]).unwrap();
        group.bench_function(BenchmarkId::new("open", count), |bencher| {
            bencher.iter(|| open(black_box(&sealed), &id, &identities).unwrap());
        });
    }
    group.finish();
}

/// The largest environment of the reference data, from files to desired
/// values, with every static value at hand and an empty Vault.
fn environment(criterion: &mut Criterion) {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/phalanx");
    if !checkout.is_dir() {
        println!("left out: the reference data of Phalanx is not here");
        return;
    }
    let tree = Tree::new(checkout);
    let name = "usdfdev".parse().unwrap();
    let environment = Layout::Phalanx.load(&tree, &name).unwrap();
    let mut static_values = StaticValues::default();
    for (application, key, spec) in environment.secrets() {
        if spec.kind == Kind::Static {
            let values = static_values.applications.entry(application.clone()).or_default();
            values.insert(key.clone(), "value".into());
        }
    }
    let mut group = criterion.benchmark_group("usdfdev");
    group.bench_function("load", |bencher| {
        bencher.iter(|| Layout::Phalanx.load(&tree, &name).unwrap());
    });
    // It copies a secret from an application that is not enabled there, which
    // the reference implementation cannot resolve either.
    let policy = Policy { exclude: ["rubintv".parse().unwrap()].into(), ..Policy::default() };
    let (current, minted) = (CurrentSecrets::default(), Minted::default());
    let inputs = Inputs {
        environment: &environment,
        static_values: &static_values,
        current: &current,
        minted: &minted,
        policy: &policy,
    };
    group.bench_function("resolve", |bencher| bencher.iter(|| resolve(&inputs).unwrap()));
    group.finish();
}

/// 1,000 applications of ten generated secrets each, with Vault in line.
fn planning(criterion: &mut Criterion) {
    let spec = Spec {
        kind: Kind::Generate(Generator::Password),
        description: None,
        onepassword_encoded: false,
        origin: String::new(),
    };
    let secrets: BTreeMap<_, _> =
        (0..10).map(|number| (format!("key{number}").parse().unwrap(), spec.clone())).collect();
    let applications = (0..1000)
        .map(|number| {
            let name = format!("application{number}").parse().unwrap();
            (name, Application { secrets: secrets.clone() })
        })
        .collect();
    let environment = Environment {
        name: "bench".parse().unwrap(),
        vault: VaultLocation::new("http://localhost/", "secret/bench").unwrap(),
        applications,
    };
    let (static_values, policy) = (StaticValues::default(), Policy::default());
    let mut minted = Minted::default();
    let nothing = CurrentSecrets::default();
    let resolved = resolve(&Inputs {
        environment: &environment,
        static_values: &static_values,
        current: &nothing,
        minted: &minted,
        policy: &policy,
    })
    .unwrap();
    let values = mint(&resolved, &mut minted, &mut rand::rng(), Timestamp::UNIX_EPOCH).unwrap();
    let entries = values
        .iter()
        .map(|(application, values)| {
            let data = values
                .iter()
                .map(|(key, value)| (key.as_str().to_owned(), CurrentValue::Text(value.clone())))
                .collect();
            (application.clone(), Entry { version: 1, data: Some(data), ..Entry::default() })
        })
        .collect();
    let current = CurrentSecrets { entries, ..CurrentSecrets::default() };
    let minted = Minted::default();
    let inputs = Inputs {
        environment: &environment,
        static_values: &static_values,
        current: &current,
        minted: &minted,
        policy: &policy,
    };
    let mut group = criterion.benchmark_group("1000 applications");
    group.bench_function("resolve", |bencher| bencher.iter(|| resolve(&inputs).unwrap()));
    let resolved = resolve(&inputs).unwrap();
    group.bench_function("plan", |bencher| {
        bencher.iter(|| plan(&resolved, &current, &policy, false));
    });
    group.finish();
}

criterion_group!(benches, sealing, environment, planning);
criterion_main!(benches);
