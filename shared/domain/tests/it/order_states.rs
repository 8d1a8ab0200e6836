//! The page of an order's states is drawn from the table that moves an order.

use std::path::Path;

#[path = "../../examples/order_states.rs"]
#[allow(dead_code, reason = "an example begins by itself")]
mod drawn;

#[test]
fn the_page_of_the_states_is_drawn_from_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/order-states.md");
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(
        written == drawn::markdown(),
        "write it anew: cargo run -p domain --example order_states > docs/order-states.md"
    );
}
