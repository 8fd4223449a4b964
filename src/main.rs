//! The `tform` executable.
fn main() {
    println!("{}", tform::version());
}
