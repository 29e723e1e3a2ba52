//! Placeholder until the firewall branch lands.
use checks::gap::Gap;
use checks::host::NftObject;
pub(super) fn nftables(_object: NftObject) -> Result<Vec<u8>, Gap> {
    Err(Gap::not_gathered())
}
pub(super) fn legacy_table(_ipv6: bool, _table: &str) -> Result<Vec<u8>, Gap> {
    Err(Gap::not_gathered())
}
