//! Real machines: what only root, a booted system or another program can prove. `tests/run` sets HOSTDUTY_LAB; without it
//! each test says what it leaves out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly and says what it leaves out"
)]

mod firewall;
mod fleet;
mod machines;
mod packages;
mod page;
mod restarts;
mod ssh;
mod ssh_servers;
mod storage;
mod strace;
mod transitions;
mod units;
mod units_on_a_kernel;
mod virtual_machine;
mod watch;
mod ways_in;

#[path = "../../checks/tests/say/mod.rs"]
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the laboratory reads the running machine only")]
mod sys;

use say::left_out;

/// Whether the laboratory may be used; says so when it may not.
fn allowed(what: &str) -> bool {
    let allowed = std::env::var_os("HOSTDUTY_LAB").is_some();
    if !allowed {
        left_out(format!("{what} (tests/run runs it as root)"));
    }
    allowed
}
