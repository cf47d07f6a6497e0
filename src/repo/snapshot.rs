//! Files as git has noted them, read from its objects.
//!
//! Nothing in a work tree changes what a snapshot holds. One is of the index,
//! the other of a commit's tree, whose folders are read when they are asked
//! for: most of a large repository is none of our business.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ObjectType, Oid, Repository};

use super::error::RepositoryError;
use super::index::staged_files;
use super::open::open;
use super::repository::place_in_work_tree;

/// Files in git's object database, by their paths below a root.
pub(crate) struct Snapshot {
    /// What it is of, for messages.
    name: String,
    /// Its folders, as far as they are known, by their paths.
    folders: Mutex<HashMap<Vec<u8>, Option<Arc<Folder>>>>,
    /// Its objects. They are read by one thread at a time.
    objects: Arc<Mutex<Repository>>,
}

/// What is directly in a folder, by name.
type Folder = BTreeMap<Vec<u8>, Noted>;

/// What git has noted at a path.
#[derive(Debug, Clone, Copy)]
enum Noted {
    File(Oid),
    /// A folder of the index has no object.
    Folder(Option<Oid>),
    /// A symbolic link, whose content is a path, or a submodule, whose content
    /// is in another repository. Neither is followed.
    Elsewhere,
}

/// An entry of a folder.
pub(crate) struct NotedEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: NotedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotedKind {
    File,
    Folder,
    Elsewhere,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The index of the repository whose work tree `root` is in: what the next
    /// commit would hold. `index_file` stands in for the repository's own, as
    /// `GIT_INDEX_FILE` does in a hook of `git commit --all`.
    pub(crate) fn of_index(
        root: &Path,
        index_file: Option<&Path>,
    ) -> Result<Self, RepositoryError> {
        let repository = open(root)?;
        let below = place_in_work_tree(&repository, root)?;
        let mut folders: HashMap<Vec<u8>, Folder> = HashMap::from([(Vec::new(), Folder::new())]);
        for file in staged_files(root, index_file)? {
            let Some(path) = file.path.strip_prefix(below.as_bytes()) else { continue };
            if file.is_undecided {
                let path = String::from_utf8_lossy(path).into_owned();
                return Err(RepositoryError::Conflict { path });
            }
            note(&mut folders, path, Noted::of_mode(file.mode, file.id));
        }
        let folders = folders.into_iter().map(|(path, folder)| (path, Some(Arc::new(folder))));
        Ok(Self {
            name: "the git index".to_owned(),
            folders: Mutex::new(folders.collect()),
            objects: Arc::new(Mutex::new(repository)),
        })
    }

    /// A tree of the repository whose objects these are.
    pub(crate) fn of_tree(name: String, tree: Oid, objects: Arc<Mutex<Repository>>) -> Self {
        let root = Folder::from([(Vec::new(), Noted::Folder(Some(tree)))]);
        // The root is found as any other folder is: in the one above it.
        let folders = HashMap::from([(ABOVE_ROOT.to_vec(), Some(Arc::new(root)))]);
        Self { name, folders: Mutex::new(folders), objects }
    }

    /// What it is of.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is a file at a path.
    pub(crate) fn has_file(&self, path: &str) -> io::Result<bool> {
        Ok(matches!(self.find(path.as_bytes())?, Some(Noted::File(_))))
    }

    /// Whether there is a folder at a path.
    pub(crate) fn has_folder(&self, path: &str) -> io::Result<bool> {
        Ok(self.folder(path.as_bytes())?.is_some())
    }

    /// The content of a file of at most `limit` bytes, `None` where there is
    /// none.
    pub(crate) fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let id = match self.find(path.as_bytes())? {
            Some(Noted::File(id)) => id,
            Some(Noted::Elsewhere) => {
                let message = "it is a symbolic link or a submodule, and not followed";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            Some(Noted::Folder(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Ok(None),
        };
        let repository = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = repository.odb().map_err(io::Error::other)?;
        // The size alone first: the object may be larger than memory.
        let (size, _) = objects.read_header(id).map_err(io::Error::other)?;
        if size as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 24 MiB"));
        }
        let object = objects.read(id).map_err(io::Error::other)?;
        Ok(Some(object.data().to_vec()))
    }

    /// What is directly in a folder, sorted by name.
    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<NotedEntry>> {
        let Some(folder) = self.folder(path.as_bytes())? else { return Ok(Vec::new()) };
        let entry = |(name, noted): (&Vec<u8>, &Noted)| NotedEntry {
            name: name.clone(),
            kind: match noted {
                Noted::File(_) => NotedKind::File,
                Noted::Folder(_) => NotedKind::Folder,
                Noted::Elsewhere => NotedKind::Elsewhere,
            },
        };
        Ok(folder.iter().map(entry).collect())
    }

    /// What is at a path.
    fn find(&self, path: &[u8]) -> io::Result<Option<Noted>> {
        let (above, name) = split(path);
        let folder = self.folder(above)?;
        Ok(folder.and_then(|folder| folder.get(name).copied()))
    }

    /// The folder at a path.
    fn folder(&self, path: &[u8]) -> io::Result<Option<Arc<Folder>>> {
        let known = |path: &[u8]| {
            let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            folders.get(path).cloned()
        };
        if let Some(folder) = known(path) {
            return Ok(folder);
        }
        if path == ABOVE_ROOT {
            return Ok(None);
        }
        let folder = match self.find(path)? {
            Some(Noted::Folder(Some(id))) => Some(Arc::new(self.read_folder(id)?)),
            _ => None,
        };
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(path.to_vec(), folder.clone());
        Ok(folder)
    }

    fn read_folder(&self, id: Oid) -> io::Result<Folder> {
        let repository = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = repository.find_tree(id).map_err(io::Error::other)?;
        let noted = |entry: git2::TreeEntry<'_>| {
            let noted = match entry.kind() {
                Some(ObjectType::Tree) => Noted::Folder(Some(entry.id())),
                _ => Noted::of_mode(entry.filemode().cast_unsigned(), entry.id()),
            };
            (entry.name_bytes().to_vec(), noted)
        };
        Ok(tree.iter().map(noted).collect())
    }
}

/// Where the root of a tree is to be found. No path is called that.
const ABOVE_ROOT: &[u8] = b"/";

/// A path's folder, and its name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    if path.is_empty() {
        return (ABOVE_ROOT, path);
    }
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(end) => {
            let (above, name) = path.split_at(end);
            (above, name.strip_prefix(b"/").unwrap_or(name))
        }
        None => (b"", path),
    }
}

/// Notes what is at a path, and the folders above it.
fn note(folders: &mut HashMap<Vec<u8>, Folder>, path: &[u8], noted: Noted) {
    let (above, name) = split(path);
    let is_new = !folders.contains_key(above);
    folders.entry(above.to_vec()).or_default().insert(name.to_vec(), noted);
    if is_new {
        note(folders, above, Noted::Folder(None));
    }
}

impl Noted {
    /// By the mode of a file, as git has it.
    fn of_mode(mode: u32, id: Oid) -> Self {
        const TYPE: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        if mode & TYPE == REGULAR { Self::File(id) } else { Self::Elsewhere }
    }
}
