//! Which offer the facts give away, offline and only on strong evidence; otherwise `generic`, with a hint.

use super::Detected;
use crate::facts::Facts;
use crate::facts::hypervisor::{Hypervisor, Platform};
use crate::facts::provider_traces::ProviderTraces;
use crate::host::System;

/// The resolver that OVHcloud hands to its machines; it answers inside OVHcloud's network.
const OVH_RESOLVER: &str = "213.186.33.99";

/// How sure a detection is; the report prints it.
#[derive(Debug, Clone, Copy)]
enum Confidence {
    /// Two independent signs.
    High,
    /// One sign that a customer would hardly make by hand.
    Medium,
}

/// The offer that the facts give away offline, or `generic`. A wrong guess would judge the host by somebody else's
/// contract, so what is not clear becomes a hint in [`Detected::how`] that says what to write into the configuration.
#[must_use]
pub fn detect(facts: &Facts) -> Detected {
    if facts.system == System::MacOs {
        return mac(mdm_server(facts));
    }
    let Some(hypervisor) = facts.hypervisor.value() else {
        return generic("what the machine runs on is not known, so its provider is not either");
    };
    if hypervisor.container.is_some() {
        return generic("inside a container the machine is its host's, so nothing here names the provider");
    }
    let traces = facts.provider_traces.value();
    ovhcloud(facts, hypervisor, traces).unwrap_or_else(|| hint(hypervisor, traces))
}

/// OpenStack alone says which software the cloud runs; the resolver or the host name says whose it is.
fn ovhcloud(facts: &Facts, hypervisor: &Hypervisor, traces: Option<&ProviderTraces>) -> Option<Detected> {
    let product = openstack(hypervisor)?;
    let resolver =
        traces.is_some_and(|traces| traces.nameservers.iter().any(|server| server == OVH_RESOLVER));
    let name = facts
        .machine
        .value()
        .and_then(|machine| machine.name.value())
        .filter(|name| name.starts_with("vps") && name.ends_with(".vps.ovh.net"));
    let (confidence, sign) = match (resolver, name) {
        (true, Some(name)) => {
            (Confidence::High, format!("it asks OVHcloud's resolver {OVH_RESOLVER} and is named {name}"))
        }
        (true, None) => (Confidence::Medium, format!("it asks OVHcloud's resolver {OVH_RESOLVER}")),
        (false, Some(name)) => (Confidence::Medium, format!("it is named {name}")),
        (false, None) => return None,
    };
    Some(found(
        "ovhcloud-public-cloud",
        confidence,
        &format!("the machine says that it is {product}, and {sign}"),
    ))
}

/// What SMBIOS says where Nova made the machine.
fn openstack(hypervisor: &Hypervisor) -> Option<&str> {
    let product = hypervisor.product.as_deref().filter(|product| product.starts_with("OpenStack "));
    let vendor = hypervisor.vendor.as_deref().filter(|vendor| *vendor == "OpenStack Foundation");
    product.or(vendor)
}

/// A Mac cannot be told from its hardware; the server of its device management can.
fn mac(mdm_server: Option<&str>) -> Detected {
    match mdm_server {
        Some(host) if belongs_to_scaleway(host) => found(
            "scaleway-apple-silicon",
            Confidence::Medium,
            &format!("this Mac is enrolled with the device management server {host}"),
        ),
        _ => generic(
            "nothing on this Mac names its provider; if Scaleway rents it out, set offer = \"scaleway-apple-silicon\"",
        ),
    }
}

/// The host of the device management server that a Mac is enrolled with.
fn mdm_server(facts: &Facts) -> Option<&str> {
    facts.mac.value()?.enrolment.value()?.server.as_deref()
}

/// Whether one of the labels of a host's name is Scaleway's: `mdm.apple-silicon.scaleway.com`.
fn belongs_to_scaleway(host: &str) -> bool {
    host.split('.').any(|label| label.eq_ignore_ascii_case("scaleway") || label.eq_ignore_ascii_case("scw"))
}

/// Why none of the offers was detected, and which one to set if the reader knows better.
fn hint(hypervisor: &Hypervisor, traces: Option<&ProviderTraces>) -> Detected {
    let scaleway = hypervisor.vendor.as_deref() == Some("Scaleway")
        || traces.is_some_and(|traces| {
            traces.scaleway_on_command_line
                || [&traces.cloud_id, &traces.cloud_name, &traces.platform]
                    .iter()
                    .any(|said| said.as_deref() == Some("scaleway"))
        });
    generic(match hypervisor.platform {
        Platform::BareMetal if scaleway => {
            "this is a whole computer of Scaleway's, which does not say which offer it belongs to; \
             set offer = \"scaleway-elastic-metal\" or offer = \"scaleway-dedibox\""
        }
        Platform::BareMetal => {
            "this is a whole computer, and those do not name who rents them out; if it is Scaleway, \
             set offer = \"scaleway-elastic-metal\" or offer = \"scaleway-dedibox\""
        }
        _ if scaleway => "this is a virtual Instance of Scaleway's, an offer that hostduty has no duties for",
        Platform::Xen => {
            "this is a Xen guest, which does not name its cloud; if it is Cloud Temple, \
             set offer = \"cloud-temple-vm-instances\""
        }
        _ if openstack(hypervisor).is_some() => {
            "this is an OpenStack instance, which does not name its cloud; if it is OVHcloud, \
             set offer = \"ovhcloud-public-cloud\""
        }
        _ => "nothing on this host names its provider; set offer = … in the configuration if you know it",
    })
}

fn found(offer: &str, confidence: Confidence, evidence: &str) -> Detected {
    let confidence = match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
    };
    Detected { offer: offer.to_owned(), how: format!("detected with {confidence} confidence: {evidence}") }
}

fn generic(reason: &str) -> Detected {
    Detected { offer: "generic".to_owned(), how: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::machine::Machine;
    use crate::gap::Reading;

    fn facts(platform: Platform, vendor: &str, product: &str, nameserver: &str) -> Facts {
        Facts {
            hypervisor: Reading::Known(Hypervisor {
                platform,
                vendor: Some(vendor.into()),
                product: Some(product.into()),
                ..Hypervisor::default()
            }),
            provider_traces: Reading::Known(ProviderTraces {
                nameservers: vec!["127.0.0.53".into(), nameserver.into()],
                ..ProviderTraces::default()
            }),
            ..Facts::default()
        }
    }

    #[test]
    fn ovhcloud_takes_openstack_and_a_sign_of_its_own() {
        let mut instance = facts(Platform::Kvm, "OpenStack Foundation", "OpenStack Nova", OVH_RESOLVER);
        let detected = detect(&instance);
        assert_eq!(detected.offer, "ovhcloud-public-cloud");
        assert_eq!(
            detected.how,
            "detected with medium confidence: the machine says that it is OpenStack Nova, \
             and it asks OVHcloud's resolver 213.186.33.99"
        );
        instance.machine = Reading::Known(Machine {
            name: Reading::Known("vps-1a2b3c4d.vps.ovh.net".into()),
            ..Machine::default()
        });
        assert!(detect(&instance).how.contains("high confidence"));
        // The resolver alone can be anyone's choice, and OpenStack alone anyone's cloud.
        assert_eq!(detect(&facts(Platform::Kvm, "QEMU", "Standard PC", OVH_RESOLVER)).offer, "generic");
        let other = detect(&facts(Platform::Kvm, "OpenStack Foundation", "OpenStack Nova", "192.0.2.1"));
        assert_eq!(other.offer, "generic");
        assert!(other.how.contains("offer = \"ovhcloud-public-cloud\""), "{}", other.how);
    }

    #[test]
    fn bare_metal_stays_generic_and_says_what_to_set() {
        let detected = detect(&facts(Platform::BareMetal, "Supermicro", "X", "62.210.16.6"));
        assert_eq!(detected.offer, "generic");
        assert!(
            detected.how.contains("set offer = \"scaleway-elastic-metal\" or offer = \"scaleway-dedibox\"")
        );
    }

    #[test]
    fn xen_does_not_name_cloud_temple() {
        let detected = detect(&facts(Platform::Xen, "Xen", "HVM domU", "192.0.2.1"));
        assert_eq!(detected.offer, "generic");
        assert!(detected.how.contains("set offer = \"cloud-temple-vm-instances\""));
    }

    #[test]
    fn an_instance_of_scaleway_is_none_of_its_bare_metal_offers() {
        let detected = detect(&facts(Platform::Kvm, "Scaleway", "SCW-DEV1-S", "192.0.2.1"));
        assert_eq!(detected.offer, "generic");
        assert!(detected.how.contains("has no duties for"));
    }

    #[test]
    fn a_container_and_a_silent_host_are_generic() {
        assert_eq!(detect(&Facts::default()).offer, "generic");
        let mut inside = facts(Platform::Kvm, "OpenStack Foundation", "OpenStack Nova", OVH_RESOLVER);
        if let Reading::Known(hypervisor) = &mut inside.hypervisor {
            hypervisor.container = Some("lxc".into());
        }
        assert_eq!(detect(&inside).offer, "generic");
    }

    #[test]
    fn a_mac_is_known_by_its_device_management() {
        for url in ["https://mdm.scaleway.com/mdm", "mdm.scw.cloud", "https://user@mdm.SCALEWAY.com:443/x"] {
            assert_eq!(mac(Some(url)).offer, "scaleway-apple-silicon", "{url}");
        }
        for url in
            ["https://example.com/scaleway", "https://notscaleway.com", "", "https://scaleway@example.com"]
        {
            assert_eq!(mac(Some(url)).offer, "generic", "{url}");
        }
        let detected = detect(&Facts { system: System::MacOs, ..Facts::default() });
        assert!(detected.how.contains("offer = \"scaleway-apple-silicon\""));
    }
}
