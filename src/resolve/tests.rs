//! The laws of resolving and planning, over environments made up at random.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::model::{Application, SecretId, VaultLocation};
use crate::plan::{Deletion, KeyChange, plan};
use crate::vault::Entry;

/// A secret of a made-up environment: its kind by a number, and the secret
/// that a copy or a generator refers to.
#[derive(Debug, Clone)]
struct Draft {
    kind: u8,
    reference: (usize, usize),
    is_stored: bool,
    is_in_vault: bool,
}

const APPLICATIONS: usize = 4;
const KEYS: usize = 4;

fn draft() -> impl Strategy<Value = Draft> {
    (0..6_u8, (0..APPLICATIONS, 0..KEYS), prop::bool::weighted(0.9), any::<bool>()).prop_map(
        |(kind, reference, is_stored, is_in_vault)| Draft {
            kind,
            reference,
            is_stored,
            is_in_vault,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    prop::collection::vec(prop::collection::vec(draft(), 1..=KEYS), 1..=APPLICATIONS)
        .prop_map(World::new)
}

#[derive(Debug, Clone)]
struct World {
    environment: Environment,
    static_values: StaticValues,
    current: CurrentSecrets,
}

fn application(number: usize) -> ApplicationName {
    format!("app{number}").parse().unwrap()
}

fn key(number: usize) -> KeyName {
    format!("key{number}").parse().unwrap()
}

fn spec(kind: Kind) -> Spec {
    let origin = "applications/app/secrets.yaml".to_owned();
    Spec { kind, description: None, onepassword_encoded: false, origin }
}

impl World {
    fn new(drafts: Vec<Vec<Draft>>) -> Self {
        let mut world = Self::empty();
        for (a, drafts) in drafts.into_iter().enumerate() {
            for (k, draft) in drafts.into_iter().enumerate() {
                let (ref_a, ref_k) = draft.reference;
                let kind = match draft.kind {
                    0 => Kind::Static,
                    1 => Kind::Value("literal".into()),
                    2 | 3 => {
                        Kind::Copy(CopySource { application: application(ref_a), key: key(ref_k) })
                    }
                    4 => Kind::Generate(Generator::Password),
                    _ => Kind::Generate(Generator::Mtime { source: key(ref_k) }),
                };
                if draft.is_stored {
                    world.store(a, k, &format!("static {a} {k}"));
                }
                if draft.is_in_vault {
                    world.put(a, k, &format!("in vault {a} {k}"));
                }
                world.need(a, k, kind);
            }
        }
        world
    }

    fn empty() -> Self {
        Self {
            environment: Environment {
                name: "env".parse().unwrap(),
                vault: VaultLocation::new("http://localhost/", "secret/env").unwrap(),
                onepassword: None,
                fqdn: None,
                applications: BTreeMap::new(),
                not_enabled: BTreeSet::new(),
            },
            static_values: StaticValues::default(),
            current: CurrentSecrets::default(),
        }
    }

    fn need(&mut self, a: usize, k: usize, kind: Kind) {
        let needs: &mut Application =
            self.environment.applications.entry(application(a)).or_default();
        needs.secrets.insert(key(k), spec(kind));
    }

    fn store(&mut self, a: usize, k: usize, value: &str) {
        let values = self.static_values.applications.entry(application(a)).or_default();
        values.insert(key(k), value.into());
    }

    fn put(&mut self, a: usize, k: usize, value: &str) {
        let entry = self.current.entries.entry(application(a)).or_default();
        entry.version = 1;
        let data = entry.data.get_or_insert_default();
        data.insert(key(k).as_str().to_owned(), CurrentValue::Text(value.into()));
    }

    fn resolve(&self, policy: &Policy, minted: &Minted) -> Result<Resolved, Vec<Problem>> {
        resolve(&Inputs {
            environment: &self.environment,
            static_values: &self.static_values,
            current: &self.current,
            minted,
            policy,
        })
    }

    /// Resolves and writes, as a sync does.
    fn sync(&mut self, policy: &Policy, seed: u64) -> Result<Values, Vec<Problem>> {
        let mut minted = Minted::default();
        let resolved = self.resolve(policy, &minted)?;
        let mut random = StdRng::seed_from_u64(seed);
        let values = mint(&resolved, &mut minted, &mut random, Timestamp::UNIX_EPOCH).unwrap();
        for (application, values) in &values {
            let entry = self.current.entries.entry(application.clone()).or_default();
            *entry =
                Entry { version: entry.version + 1, data: entry.data.take(), ..Entry::default() };
            let data = entry.data.get_or_insert_default();
            for (key, value) in values {
                data.insert(key.as_str().to_owned(), CurrentValue::Text(value.clone()));
            }
        }
        Ok(values)
    }

    /// Whether what a secret is made from, and so on, ends at one that is made
    /// from nothing else.
    fn has_a_start(&self, application: &ApplicationName, key: &KeyName) -> bool {
        let (mut application, mut key) = (application.clone(), key.clone());
        for _ in 0..=APPLICATIONS * KEYS {
            let Some(spec) = self.environment.spec(&application, &key) else { return false };
            match &spec.kind {
                Kind::Copy(source) => {
                    (application, key) = (source.application.clone(), source.key.clone());
                }
                Kind::Generate(generator) => match generator.source() {
                    Some(source) => key = source.clone(),
                    None => return true,
                },
                Kind::Static | Kind::Value(_) => return true,
            }
        }
        false
    }

    fn in_vault(&self, application: &ApplicationName, key: &KeyName) -> Option<&SecretValue> {
        current_value(&self.current, application, key)?.text()
    }
}

proptest! {
    // Most environments made up at random have some problem, and are passed over.
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn after_a_sync_there_is_nothing_to_do(mut world in world(), seed: u64) {
        let policy = Policy::default();
        prop_assume!(world.sync(&policy, seed).is_ok());
        let resolved = world.resolve(&policy, &Minted::default()).unwrap();
        for desired in resolved.applications.values().flat_map(BTreeMap::values) {
            prop_assert!(matches!(desired, Desired::Value(_)));
        }
        let (current, environment) = (&world.current, &world.environment);
        prop_assert!(plan(&resolved, current, environment, &policy, Deletion::Nothing).is_empty());
    }

    #[test]
    fn what_no_value_mends_is_what_cannot_be_resolved_with_all_values(world in world()) {
        let found: Vec<(ApplicationName, KeyName)> = unresolvable(&world.environment)
            .into_iter()
            .map(|problem| (problem.application, problem.key))
            .collect();
        // Each secret that does not start from what is there, found by hand.
        let expected: Vec<(ApplicationName, KeyName)> = world
            .environment
            .secrets()
            .filter(|(application, key, _)| !world.has_a_start(application, key))
            .map(|(application, key, _)| (application.clone(), key.clone()))
            .collect();
        prop_assert_eq!(&found, &expected);
        // And with all values stored, a sync into an empty Vault does the rest.
        let mut full = world.clone();
        full.current = CurrentSecrets::default();
        let mut statics = Vec::new();
        for (application, key, spec) in world.environment.secrets() {
            if spec.kind == Kind::Static {
                statics.push((application.clone(), key.clone()));
            }
        }
        for (application, key) in statics {
            let values = full.static_values.applications.entry(application).or_default();
            values.insert(key, "a value".into());
        }
        prop_assert_eq!(full.sync(&Policy::default(), 0).is_ok(), found.is_empty());
        // Whatever is stored or in Vault, these are not made.
        if let Err(problems) = world.resolve(&Policy::default(), &Minted::default()) {
            let named = |(application, key): &(ApplicationName, KeyName)| {
                problems.iter().any(|one| one.application == *application && one.key == *key)
            };
            prop_assert!(found.iter().all(named));
        } else {
            prop_assert!(found.is_empty());
        }
    }

    #[test]
    fn every_secret_is_resolved_or_every_problem_named(world in world()) {
        let count = world.environment.secrets().count();
        match world.resolve(&Policy::default(), &Minted::default()) {
            Ok(resolved) => {
                prop_assert_eq!(resolved.applications.values().flatten().count(), count);
            }
            Err(problems) => {
                for (application, key, spec) in world.environment.secrets() {
                    let is_missing = spec.kind == Kind::Static
                        && world.static_values.get(application, key).is_none();
                    let is_named = problems
                        .iter()
                        .any(|problem| problem.application == *application && problem.key == *key);
                    prop_assert!(is_named || !is_missing);
                }
            }
        }
    }

    #[test]
    fn copies_equal_their_sources_and_what_is_generated_stays(mut world in world(), seed: u64) {
        let before = world.clone();
        let synced = world.sync(&Policy::default(), seed);
        prop_assume!(synced.is_ok());
        let values = synced.unwrap();
        for (application, key, spec) in before.environment.secrets() {
            let value = &values[application][key];
            match &spec.kind {
                Kind::Copy(source) => {
                    prop_assert_eq!(value, &values[&source.application][&source.key]);
                }
                Kind::Generate(Generator::Password) => {
                    if let Some(old) = before.in_vault(application, key) {
                        prop_assert_eq!(value, old);
                    }
                }
                Kind::Generate(generator) => {
                    let source = generator.source().unwrap();
                    let same = before.in_vault(application, source)
                        == Some(&values[application][source]);
                    if let (true, Some(old)) = (same, before.in_vault(application, key)) {
                        prop_assert_eq!(value, old);
                    } else {
                        prop_assert_eq!(value.expose(), b"1970-01-01T00:00:00Z");
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_second_try_generates_nothing_twice(world in world(), seed: u64) {
        let policy = Policy { regenerate: Regenerate::Everything, ..Policy::default() };
        let mut minted = Minted::default();
        let resolved = world.resolve(&policy, &minted);
        prop_assume!(resolved.is_ok());
        let resolved = resolved.unwrap();
        let (mut one, mut two) = (StdRng::seed_from_u64(seed), StdRng::seed_from_u64(!seed));
        let first = mint(&resolved, &mut minted, &mut one, Timestamp::UNIX_EPOCH).unwrap();
        let again = world.resolve(&policy, &minted).unwrap();
        let second = mint(&again, &mut minted, &mut two, Timestamp::MAX).unwrap();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn only_what_is_named_is_regenerated(mut world in world(), seed: u64) {
        prop_assume!(world.sync(&Policy::default(), seed).is_ok());
        let generated: Vec<SecretId> = world
            .environment
            .secrets()
            .filter(|(_, _, spec)| spec.kind == Kind::Generate(Generator::Password))
            .map(|(application, key, _)| {
                SecretId::new("env".parse().unwrap(), application.clone(), key.clone())
            })
            .collect();
        prop_assume!(!generated.is_empty());
        if let Some(target) = generated.first() {
            let only = Regenerate::Only(vec![(target.application.clone(), Some(target.key.clone()))]);
            let policy = Policy { regenerate: only, ..Policy::default() };
            let resolved = world.resolve(&policy, &Minted::default()).unwrap();
            for other in &generated {
                let desired = &resolved.applications[&other.application][&other.key];
                let is_pending = matches!(desired, Desired::Pending(_));
                prop_assert_eq!(is_pending, other == target);
            }
        }
    }
}

#[test]
fn circles_are_named_and_end() {
    let mut world = World::empty();
    let copy = |a, k| Kind::Copy(CopySource { application: application(a), key: key(k) });
    world.need(0, 0, copy(1, 1));
    world.need(1, 1, copy(0, 0));
    let problems = world.resolve(&Policy::default(), &Minted::default()).unwrap_err();
    let texts: Vec<String> = problems.iter().map(|problem| problem.reason.to_string()).collect();
    assert_eq!(problems.len(), 2);
    assert_eq!(texts[0], "it depends on itself: app0/key0 → app1/key1 → app0/key0");

    let mut world = World::empty();
    world.need(0, 0, Kind::Generate(Generator::Mtime { source: key(0) }));
    assert!(world.resolve(&Policy::default(), &Minted::default()).is_err());
}

#[test]
fn a_chain_of_any_length_ends() {
    let mut world = World::empty();
    for a in 0..20_000 {
        world.need(a, 0, Kind::Copy(CopySource { application: application(a + 1), key: key(0) }));
    }
    world.need(20_000, 0, Kind::Value("x".into()));
    let problems = world.resolve(&Policy::default(), &Minted::default()).unwrap_err();
    assert!(problems.iter().any(|problem| problem.reason == Reason::TooLongAChain));
}

#[test]
fn an_excluded_source_counts_as_it_is_in_vault() {
    let mut world = World::empty();
    world.need(0, 0, Kind::Copy(CopySource { application: application(1), key: key(1) }));
    world.need(1, 1, Kind::Static);
    world.store(1, 1, "new");
    let policy = Policy { exclude: [application(1)].into(), ..Policy::default() };
    let problems = world.resolve(&policy, &Minted::default()).unwrap_err();
    assert!(matches!(problems[0].reason, Reason::SourceExcluded(_)));
    world.put(1, 1, "old");
    let resolved = world.resolve(&policy, &Minted::default()).unwrap();
    assert_eq!(resolved.applications.len(), 1);
    assert_eq!(resolved.applications["app0"]["key0"], Desired::Value("old".into()));
}

#[test]
fn a_non_string_in_vault_is_neither_kept_nor_replaced_silently() {
    let mut world = World::empty();
    world.need(0, 0, Kind::Generate(Generator::Password));
    world.put(0, 0, "");
    let number = CurrentValue::from_json("12").unwrap();
    let entry = world.current.entries.get_mut("app0").unwrap();
    entry.data.get_or_insert_default().insert("key0".to_owned(), number);
    let problems = world.resolve(&Policy::default(), &Minted::default()).unwrap_err();
    assert_eq!(problems[0].reason, Reason::VaultHoldsNoText);
    let policy = Policy { regenerate: Regenerate::Everything, ..Policy::default() };
    let resolved = world.resolve(&policy, &Minted::default()).unwrap();
    let (current, environment) = (&world.current, &world.environment);
    let changes = plan(&resolved, current, environment, &policy, Deletion::Nothing).changes;
    let crate::plan::EntryChange::Update { keys } = &changes["app0"] else { panic!() };
    assert_eq!(keys["key0"], KeyChange::Update);
}

#[test]
fn a_hash_of_what_bcrypt_would_cut_off_is_known_before_it_is_made() {
    let hash = || Kind::Generate(Generator::BcryptPasswordHash { source: key(1) });
    let copy = |a| Kind::Copy(CopySource { application: application(a), key: key(1) });
    let key_pair = Kind::Generate(Generator::RsaPrivateKey);
    for (source, is_unhashable) in [
        (Kind::Value("x".repeat(73).as_str().into()), true),
        (Kind::Value("x".repeat(72).as_str().into()), false),
        (Kind::Value("a\0b".into()), true),
        (Kind::Static, false),
        (Kind::Generate(Generator::Password), false),
        (Kind::Generate(Generator::GafaelfawrToken), false),
        (key_pair.clone(), true),
        // By way of two copies.
        (copy(1), true),
    ] {
        let mut world = World::empty();
        world.need(0, 0, hash());
        world.need(0, 1, source);
        world.need(1, 1, copy(2));
        world.need(2, 1, key_pair.clone());
        let problems = unresolvable(&world.environment);
        let reasons: Vec<&Reason> = problems.iter().map(|problem| &problem.reason).collect();
        assert_eq!(
            matches!(reasons.as_slice(), [Reason::Unhashable(_)]),
            is_unhashable,
            "{reasons:?}"
        );
        assert_eq!(reasons.is_empty(), !is_unhashable);
    }
}

#[test]
fn the_name_that_was_meant_is_suggested() {
    let mut world = World::empty();
    let copy = |a: &str, k: &str| {
        Kind::Copy(CopySource { application: a.parse().unwrap(), key: k.parse().unwrap() })
    };
    world.need(0, 0, copy("app1", "kye1"));
    world.need(0, 1, copy("apq1", "key1"));
    world.need(0, 2, copy("zzz", "key1"));
    world.need(0, 3, copy("app0", "kay3"));
    world.need(1, 1, Kind::Static);
    let nearest: Vec<Option<String>> = unresolvable(&world.environment)
        .iter()
        .map(|problem| problem.nearest(&world.environment))
        .collect();
    let some = |name: &str| Some(name.to_owned());
    // The last is nearest to itself, which would be a circle.
    assert_eq!(nearest, [some("app1/key1"), some("app1"), None, None]);
}
