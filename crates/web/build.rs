//! Rebuilds this room when its built scripts and styles change: they are embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
    println!("cargo:rerun-if-changed=templates");
    println!("cargo:rerun-if-changed=openapi.json");
}
