//! What costs time: sealing and opening, sealing again, loading and resolving,
//! reading a commit instead of the work tree, planning.
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

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use phalanx_secrets::layout::Layout;
use phalanx_secrets::model::{
    Application, Environment, Generator, Kind, SecretId, Spec, VaultLocation,
};
use phalanx_secrets::plan::{Deletion, plan};
use phalanx_secrets::repo::GitRepository;
use phalanx_secrets::resolve::{Inputs, Minted, Policy, mint, resolve};
use phalanx_secrets::static_values::StaticValues;
use phalanx_secrets::store::{
    Holder, Identities, IdentitySource, LockedStore, Recipient, RecipientSet, Store, ValueNote,
    open, seal, write_file, write_together,
};
use phalanx_secrets::tree::Tree;
use phalanx_secrets::vault::{CurrentSecrets, CurrentValue, Entry};

use age::secrecy::ExposeSecret as _;
use rayon::prelude::*;
use x25519_dalek::{PublicKey, StaticSecret};

/// A value of the length of a password, sealed to 1, 5 and 10 recipients; the
/// identity that opens it is that of the last.
fn sealing(criterion: &mut Criterion) {
    let id = SecretId::parse("idfdev", "gafaelfawr", "ldap-password").unwrap();
    let value = "x".repeat(40).into();
    let note = ValueNote::of_new_value(Timestamp::UNIX_EPOCH);
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
            bencher.iter(|| seal(&value, &id, &note, &recipients).unwrap());
        });

        let sealed = seal(&value, &id, &note, &recipients).unwrap();
        let text = chosen.last().unwrap().to_string().expose_secret().to_owned();
        let source = IdentitySource::Text { text: text.into(), named_by: "the bench" };
        let identities = Identities::load(&[source]).unwrap();
        group.bench_function(BenchmarkId::new("open", count), |bencher| {
            bencher.iter(|| open(black_box(&sealed), &id, &identities).unwrap());
        });
    }
    group.finish();
}

/// 1,000 values that go from ten holders to ten with one of them changed: the
/// whole of it with its files, sealing again in memory, and the least that the
/// curve asks for. Per value, opening tries ten stanzas, and sealing makes ten.
fn rekeying(criterion: &mut Criterion) {
    const VALUES: usize = 1000;
    const HOLDERS: usize = 10;
    let mut keys: Vec<age::x25519::Identity> =
        (0..=HOLDERS).map(|_| age::x25519::Identity::generate()).collect();
    keys.sort_by_key(|key| key.to_public().to_string());
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_file(root, "secrets/store.toml", b"format = 1\nlayout = \"standalone\"\n").unwrap();
    let holder = |key: &age::x25519::Identity| Holder {
        keys: vec![key.to_public().to_string().parse().unwrap()],
        access: vec!["*".parse().unwrap()],
        signing_keys: Vec::new(),
    };
    for (number, key) in keys.iter().enumerate().skip(1) {
        let file = format!("recipients/holder{number}.toml");
        write_file(root, &file, holder(key).to_toml().unwrap().as_bytes()).unwrap();
    }
    let store = LockedStore::open(&Tree::new(root), || ()).unwrap().unwrap();
    for number in 0..VALUES {
        let (application, key) = (format!("app{}", number / 20), format!("key{number}"));
        let id = SecretId::parse("bench", &application, &key).unwrap();
        store.put(&id, &"x".repeat(40).into(), Timestamp::UNIX_EPOCH).unwrap();
    }
    // The last stanza is that of the identity at hand.
    let text = keys[HOLDERS].to_string().expose_secret().to_owned();
    let source = IdentitySource::Text { text: text.into(), named_by: "the bench" };
    let identities = Identities::load(&[source]).unwrap();
    let one = "holder1".parse().unwrap();
    let sides = [&keys[0], &keys[1]].map(|key| store.holders.with(&one, Some(holder(key))));

    let mut group = criterion.benchmark_group("rekey of 1,000 values to 10 holders");
    group.throughput(Throughput::Elements(VALUES as u64)).sample_size(10);
    let mut turn = 0;
    group.bench_function("with files", |bencher| {
        bencher.iter(|| {
            let holders = &sides[turn % 2];
            turn += 1;
            let stale = store.stale(|_| true, holders).unwrap();
            assert_eq!(stale.len(), VALUES);
            let changes = store.seal_again(stale, holders, &identities, || {}).unwrap();
            write_together(root, &changes).unwrap();
        });
    });
    let holders = &sides[turn % 2];
    group.bench_function("in memory", |bencher| {
        bencher.iter(|| {
            let stale = store.stale(|_| true, holders).unwrap();
            store.seal_again(stale, holders, &identities, || {}).unwrap()
        });
    });
    let secrets: Vec<StaticSecret> =
        (0..HOLDERS).map(|_| StaticSecret::from(rand::random::<[u8; 32]>())).collect();
    let publics: Vec<PublicKey> = secrets.iter().map(PublicKey::from).collect();
    group.bench_function("curve operations alone", |bencher| {
        bencher.iter(|| {
            (0..VALUES).into_par_iter().for_each(|_| {
                for public in &publics {
                    black_box(secrets[0].diffie_hellman(public));
                }
                for public in &publics {
                    let ephemeral = StaticSecret::from(rand::random::<[u8; 32]>());
                    black_box(PublicKey::from(&ephemeral));
                    black_box(ephemeral.diffie_hellman(public));
                }
            });
        });
    });
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

/// All that a sync of the largest environment of the reference data reads, from
/// a work tree and from the commit beside it: specs, holders and values, each of
/// them opened.
fn revision(criterion: &mut Criterion) {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/phalanx");
    if !reference.is_dir() {
        println!("left out: the reference data of Phalanx is not here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for part in ["applications", "environments"] {
        copy(&Tree::new(&reference), root, part);
    }
    let key = age::x25519::Identity::generate();
    let holder = Holder {
        keys: vec![key.to_public().to_string().parse().unwrap()],
        access: vec!["*".parse().unwrap()],
        signing_keys: Vec::new(),
    };
    let settings = b"format = 1\nlayout = \"phalanx\"\n";
    write_file(root, "secrets/store.toml", settings).unwrap();
    let holder = holder.to_toml().unwrap();
    write_file(root, "recipients/holder.toml", holder.as_bytes()).unwrap();
    let name = "usdfdev".parse().unwrap();
    let tree = Tree::new(root);
    let environment = Layout::Phalanx.load(&tree, &name).unwrap();
    let store = LockedStore::open(&tree, || ()).unwrap().unwrap();
    for (application, key, _) in environment.secrets().filter(|one| one.2.kind == Kind::Static) {
        let id = SecretId::new(name.clone(), application.clone(), key.clone());
        store.put(&id, &"value".into(), Timestamp::UNIX_EPOCH).unwrap();
    }
    let commit = {
        let git = git2::Repository::init(root).unwrap();
        let mut index = git.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
        let author = git2::Signature::now("a", "a@example.org").unwrap();
        git.commit(Some("HEAD"), &author, &author, "x", &tree, &[]).unwrap()
    };
    let text = key.to_string().expose_secret().to_owned();
    let source = IdentitySource::Text { text: text.into(), named_by: "the bench" };
    let identities = Identities::load(&[source]).unwrap();
    let read = |tree: &Tree| {
        Layout::Phalanx.load(tree, &name).unwrap();
        let contents = Store::open(tree).unwrap().unwrap().contents(&name).unwrap();
        let (values, failures) = contents.open_all(|_| true, &identities);
        assert!(failures.is_empty() && !values.is_empty());
        values.len()
    };
    let mut group = criterion.benchmark_group("what a sync of usdfdev reads");
    group.bench_function("work tree", |bencher| bencher.iter(|| read(&Tree::new(root))));
    group.bench_function("commit", |bencher| {
        bencher.iter(|| read(&GitRepository::discover(root).unwrap().tree_at(commit).unwrap()));
    });
    group.finish();
}

/// Copies a folder.
fn copy(from: &Tree, to: &Path, folder: &str) {
    for entry in from.list(folder).unwrap() {
        let path = format!("{folder}/{}", entry.name);
        match entry.is_folder {
            true => copy(from, to, &path),
            false => write_file(to, &path, &from.read(&path).unwrap().unwrap()).unwrap(),
        }
    }
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
            (name, Application { secrets: secrets.clone(), ..Application::default() })
        })
        .collect();
    let environment = Environment {
        name: "bench".parse().unwrap(),
        vault: VaultLocation::new("http://localhost/", "secret/bench").unwrap(),
        onepassword: None,
        fqdn: None,
        applications,
        not_enabled: std::collections::BTreeSet::new(),
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
        bencher.iter(|| plan(&resolved, &current, &environment, &policy, Deletion::Nothing));
    });
    group.finish();
}

criterion_group!(benches, sealing, rekeying, environment, revision, planning);
criterion_main!(benches);
