use super::*;

use crate::repo::GitRepository;
use git2::{IndexEntry, IndexTime, Repository};

/// A repository with files in its index and on disk alike, and the root of a
/// store in a folder of it.
fn repository() -> (tempfile::TempDir, PathBuf, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(folder.path()).unwrap();
    let mut index = repository.index().unwrap();
    let files = ["below/a/b.age", "below/a/c/d.age", "below/a.txt", "below/z", "belowx", "other/x"];
    for file in files {
        crate::store::write_file(folder.path(), file, file.as_bytes()).unwrap();
        index.add_path(Path::new(file)).unwrap();
    }
    for (file, content) in [("below/bytes", &[0xff][..]), ("below/large", &[b'x'; (24 << 20) + 1])]
    {
        crate::store::write_file(folder.path(), file, content).unwrap();
        index.add_path(Path::new(file)).unwrap();
    }
    index.write().unwrap();
    let root = folder.path().join("below");
    (folder, root, repository)
}

fn entry(path: &str, mode: u32, flags: u16, id: git2::Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

fn names(tree: &Tree, path: &str) -> Vec<String> {
    let name = |entry: TreeEntry| match (entry.is_folder, entry.is_link) {
        (true, _) => format!("{}/", entry.name),
        (false, true) => format!("{}@", entry.name),
        (false, false) => entry.name,
    };
    tree.list(path).unwrap().into_iter().map(name).collect()
}

/// The files at a root, from wherever they can be read.
fn everywhere(root: &Path) -> [Tree; 3] {
    let repository = GitRepository::discover(root).unwrap();
    let id = {
        let git = repository.git();
        let tree = git.find_tree(git.index().unwrap().write_tree().unwrap()).unwrap();
        let author = git2::Signature::now("a", "a@example.org").unwrap();
        git.commit(None, &author, &author, "x", &tree, &[]).unwrap()
    };
    let tree = repository.tree_at(id).unwrap();
    [Tree::new(root), Tree::of_index(root, None).unwrap(), tree]
}

/// What must hold of the files wherever they are read from.
#[test]
fn a_folder_the_index_and_a_commit_give_the_same_answers() {
    let (_folder, root, _repository) = repository();
    let lists: [(&str, &[&str]); 5] = [
        ("", &["a/", "a.txt", "bytes", "large", "z"]),
        ("a", &["b.age", "c/"]),
        ("a/c", &["d.age"]),
        ("none", &[]),
        ("a/b", &[]),
    ];
    let reads = [
        ("a/b.age", Ok(Some("below/a/b.age"))),
        ("a/c/d.age", Ok(Some("below/a/c/d.age"))),
        ("a.txt", Ok(Some("below/a.txt"))),
        ("none", Ok(None)),
        ("a/none", Ok(None)),
        ("z/none", Ok(None)),
        ("other/x", Ok(None)),
        ("a", Err("s a directory")),
        ("large", Err("larger than 24 MiB")),
        ("bytes", Err("it is not UTF-8 text")),
    ];
    for tree in everywhere(&root) {
        for (path, expected) in lists {
            assert_eq!(names(&tree, path), expected, "{tree:?} {path}");
        }
        // A file where a folder belongs is no empty folder.
        let error = tree.list("z").unwrap_err();
        assert_eq!(error.source.kind(), std::io::ErrorKind::NotADirectory, "{tree:?}");
        for (path, expected) in &reads {
            let read = tree.read_text(path);
            match (read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read.as_deref(), *expected, "{path}"),
                (Err(error), Err(expected)) => {
                    assert_eq!(error.to_string(), format!("cannot read {path}"));
                    let cause = error.source.to_string();
                    assert!(cause.contains(expected), "{tree:?} {path}: {cause}");
                }
                (read, _) => panic!("{tree:?} {path}: {read:?}"),
            }
        }
        for (path, is_file, is_folder) in [
            ("", false, true),
            ("a", false, true),
            ("a/b.age", true, false),
            ("a/c", false, true),
            ("z", true, false),
            ("none", false, false),
            ("x", false, false),
        ] {
            assert_eq!(tree.has_file(path), is_file, "{tree:?} {path}");
            assert_eq!(tree.has_folder(path), is_folder, "{tree:?} {path}");
        }
    }
}

#[test]
fn the_index_does_not_see_what_happens_in_the_folder() {
    let (_folder, root, _repository) = repository();
    crate::store::write_file(&root, "z", b"changed").unwrap();
    crate::store::write_file(&root, "new", b"x").unwrap();
    std::fs::remove_file(root.join("a.txt")).unwrap();
    let index = Tree::of_index(&root, None).unwrap();
    assert_eq!(index.read_text("z").unwrap().unwrap(), "below/z");
    assert!(!index.has_file("new") && index.has_file("a.txt"));
}

#[test]
fn only_a_folder_is_written_to() {
    let (_folder, root, _repository) = repository();
    assert_eq!(Tree::new(&root).folder().unwrap(), root);
    let error = Tree::of_index(&root, None).unwrap().folder().unwrap_err();
    assert_eq!(error.to_string(), "cannot write to the git index");
}

#[test]
fn links_in_the_index_are_named_and_not_followed() {
    let (_folder, root, repository) = repository();
    let mut index = repository.index().unwrap();
    let target = repository.blob(b"a.txt").unwrap();
    index.add(&entry("below/link", 0o120_000, 0, target)).unwrap();
    index.write().unwrap();
    let tree = Tree::of_index(&root, None).unwrap();
    assert_eq!(names(&tree, ""), ["a/", "a.txt", "bytes", "large", "link@", "z"]);
    assert!(!tree.has_file("link") && !tree.has_folder("link"));
    let error = tree.read("link").unwrap_err();
    assert!(error.source.to_string().contains("symbolic link"), "{error:?}");
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_are_told_apart_too() {
    let (_folder, root, _repository) = repository();
    std::os::unix::fs::symlink("a", root.join("link")).unwrap();
    let entries = Tree::new(&root).list("").unwrap();
    let link = entries.into_iter().find(|entry| entry.name == "link").unwrap();
    assert!(link.is_link && !link.is_folder);
}

#[test]
fn nothing_is_reached_through_a_link_and_no_device_is_read() {
    let (_folder, root, _repository) = repository();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    };
    link("a", "folder");
    link("a.txt", "file");
    link("/dev/zero", "device");
    link("nowhere", "dangling");
    let tree = Tree::new(&root);
    for path in ["folder/b.age", "file", "device", "dangling"] {
        let error = tree.read(path).unwrap_err();
        assert!(error.source.to_string().contains("it is a link"), "{path}: {error:?}");
    }
    assert!(tree.list("folder").is_err() && tree.list("folder/c").is_err());
    // Not passed over as absent, either.
    assert!(tree.has_file("file") && tree.has_folder("folder") && tree.has_file("dangling"));
    let pipe = root.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let error = tree.read("pipe").unwrap_err();
    assert!(error.source.to_string().contains("no plain file"), "{error:?}");
}

#[test]
fn nothing_of_the_store_is_written_through_a_link() {
    let (_folder, root, _repository) = repository();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), root.join("secrets")).unwrap();
    assert!(crate::store::write_file(&root, "secrets/x", b"x").is_err());
    std::fs::remove_file(root.join("secrets")).unwrap();
    std::fs::create_dir_all(root.join("secrets/demo")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.join("secrets/demo/app")).unwrap();
    assert!(crate::store::write_file(&root, "secrets/demo/app/x.age", b"x").is_err());
    assert!(crate::store::remove_file(&root, "secrets/demo/app/x.age").is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn an_unresolved_merge_names_the_file_if_it_concerns_the_root() {
    let (_folder, root, repository) = repository();
    let mut index = repository.index().unwrap();
    let id = repository.blob(b"one side").unwrap();
    index.add(&entry("other/both", 0o100_644, 0x2000, id)).unwrap();
    index.write().unwrap();
    assert!(Tree::of_index(&root, None).is_ok());
    index.add(&entry("below/both.age", 0o100_644, 0x2000, id)).unwrap();
    index.write().unwrap();
    let error = Tree::of_index(&root, None).unwrap_err();
    assert_eq!(error.to_string(), "both.age has an unresolved merge conflict");
}

#[test]
fn another_index_file_stands_in() {
    let (folder, root, repository) = repository();
    let file = folder.path().join("another-index");
    let mut other = git2::Index::open(&file).unwrap();
    let id = repository.blob(b"from the other").unwrap();
    other.add(&entry("below/z", 0o100_644, 0, id)).unwrap();
    other.write().unwrap();
    let tree = Tree::of_index(&root, Some(&file)).unwrap();
    assert_eq!(names(&tree, ""), ["z"]);
    assert_eq!(tree.read_text("z").unwrap().unwrap(), "from the other");
}

#[test]
fn without_a_repository_there_is_no_index() {
    let folder = tempfile::tempdir().unwrap();
    let error = Tree::of_index(folder.path(), None).unwrap_err();
    assert!(error.to_string().ends_with("is in no git repository"), "{error}");
}

#[test]
fn threads_can_share_a_tree() {
    fn shared<T: Clone + Send + Sync>() {}
    shared::<Tree>();
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_written_with_escapes_and_hides_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let (_folder, root, repository) = repository();
    let name = b"it's \\ caf\xe9\n.txt";
    std::fs::File::create_new(root.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    let mut index = repository.index().unwrap();
    let id = repository.blob(b"x").unwrap();
    let mut path = b"below/".to_vec();
    path.extend(name);
    index.add(&IndexEntry { path, ..entry("", 0o100_644, 0, id) }).unwrap();
    index.write().unwrap();
    for tree in everywhere(&root) {
        let entries = tree.list("").unwrap();
        let escaped: Vec<&TreeEntry> = entries.iter().filter(|entry| entry.is_escaped).collect();
        assert!(
            matches!(escaped.as_slice(), [one] if one.name == r"it\'s \\ caf\xe9\x0a.txt"),
            "{entries:?}"
        );
        assert!(entries.iter().any(|entry| entry.name == "z" && !entry.is_escaped));
    }
}
