//! scratch
use phalanx_secrets::{layout::Layout, tree::Tree};
fn main() {
    let mut a = std::env::args().skip(1);
    let tree = Tree::new(a.next().unwrap());
    let env = a.next().unwrap().parse().unwrap();
    match Layout::Phalanx.load(&tree, &env) {
        Ok(e) => {
            for (a, k, _s) in e.secrets() {
                println!("{a} {k}");
            }
        }
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1)
        }
    }
}
