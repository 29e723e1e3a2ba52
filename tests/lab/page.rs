//! The HTML page in a real browser: narrow and wide, light and dark, hostile and by the hundred; and on paper.

#[path = "../formats/fleet.rs"]
mod fleet;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::machines::top;
use super::{allowed, left_out};

const BROWSER: &str = "/usr/bin/chromium";

/// Loads a page in a frame of some width, presses what is to be pressed, and writes what it measures.
const PROBE: &str = r#"<!doctype html><meta charset="utf-8"><body><iframe id="frame" style="width:WIDTHpx;height:900px;border:0"></iframe>
<script>
const frame = document.getElementById("frame");
frame.onload = () => setTimeout(() => {
  const page = frame.contentDocument, rows = () => [...page.querySelectorAll(".matrix tbody tr")].filter(r => r.offsetParent).length;
  const press = id => { const it = page.getElementById(id); if (it) it.checked = true; return rows(); };
  const said = {
    over: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    milliseconds: frame.contentWindow.performance.getEntriesByType("navigation")[0].loadEventEnd,
    dark: frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches,
    ink: getComputedStyle(page.body).color, paper: getComputedStyle(page.body).backgroundColor,
    ran: frame.contentWindow.ran === true, all: rows(), failed: press("only-f"), waived: press("only-w"),
    title: page.querySelector("h1").textContent,
  };
  document.title = JSON.stringify(said);
}, 50);
frame.src = "PAGE";
</script>"#;

/// Runs the browser without a network, below a folder of its own.
fn browser(folder: &Path, arguments: &[&str]) -> Output {
    // Root may run it without its sandbox alone; it sees nothing but these pages, and no network.
    Command::new("unshare")
        .args([
            "--net",
            "timeout",
            "120",
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-web-security",
        ])
        .args(["--hide-scrollbars", "--no-first-run"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .env("HOME", folder)
        .output()
        .unwrap()
}

/// What the probe measures of a page.
fn measured(folder: &Path, page: &str, width: u32, dark: bool) -> serde_json::Value {
    let probe = folder.join("probe.html");
    fs::write(&probe, PROBE.replace("WIDTH", &width.to_string()).replace("PAGE", page)).unwrap();
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let url = format!("file://{}", probe.display());
    let output = browser(
        folder,
        &[&scheme, "--window-size=1400,1000", "--virtual-time-budget=8000", "--dump-dom", &url],
    );
    let dom = String::from_utf8_lossy(&output.stdout);
    let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title = title.unwrap_or_else(|| panic!("{page}: {dom}{}", String::from_utf8_lossy(&output.stderr)));
    let plain = title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&plain).unwrap()
}

fn page(folder: &Path, name: &str, saved: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_hostduty"))
        .args(["report", "--format", "html", "--from"])
        .arg(saved)
        .arg("--output")
        .arg(folder.join(name))
        .output()
        .unwrap();
    // The merged report has hosts that gave none, which is a 2.
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn picture(folder: &Path, name: &str, page: &str, dark: bool) -> Vec<u8> {
    let file: PathBuf = folder.join(name);
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let shot = format!("--screenshot={}", file.display());
    browser(
        folder,
        &[&scheme, "--window-size=1280,1600", &shot, &format!("file://{}", folder.join(page).display())],
    );
    fs::read(&file).unwrap()
}

#[test]
fn a_browser_shows_the_page_as_it_is_meant() {
    if !allowed("the HTML page in a browser") {
        return;
    }
    if !Path::new(BROWSER).exists() {
        return left_out("the HTML page in a browser (the archive of this machine has no chromium package)");
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let fleet = folder.join("fleet.json");
    fs::write(&fleet, fleet::fleet(&top(), 200).to_string()).unwrap();
    page(folder, "host.html", &top().join("tests/golden/cloud-temple-xen-masked.1.json"));
    page(folder, "hostile.html", &top().join("tests/formats/merged.json"));
    page(folder, "fleet.html", &fleet);
    for name in ["host.html", "hostile.html", "fleet.html"] {
        for (width, dark) in [(360, false), (1280, true)] {
            let said = measured(folder, name, width, dark);
            assert!(said["over"].as_i64().unwrap() <= 0, "{name} at {width}: {said}");
            assert_eq!(said["dark"], dark, "{name}: {said}");
            assert_eq!(said["ran"], false, "{name}: what a host is called was run");
            assert_ne!(said["ink"], said["paper"], "{name}: {said}");
            if name == "fleet.html" {
                assert_eq!(said["all"], 200, "{said}");
                let (failed, waived) = (said["failed"].as_i64().unwrap(), said["waived"].as_i64().unwrap());
                assert!(0 < waived && waived < failed && failed < 200, "{said}");
                // The best of three: other tests run beside it.
                let again = (0..2).map(|_| measured(folder, name, width, dark));
                let times =
                    std::iter::once(said).chain(again).map(|said| said["milliseconds"].as_f64().unwrap());
                let best = times.fold(f64::INFINITY, f64::min);
                eprintln!("200 hosts at {width} open in {best} ms");
                assert!(best < 1000.0, "{best} ms");
            }
        }
        let (light, dark) =
            (picture(folder, "light.png", name, false), picture(folder, "dark.png", name, true));
        // One colour alone packs to some kilobytes.
        assert!(
            light.len() > 20_000 && dark.len() > 20_000 && light != dark,
            "{name}: {} {}",
            light.len(),
            dark.len()
        );
    }
    let paper = folder.join("paper.pdf");
    let url = format!("file://{}", folder.join("host.html").display());
    browser(folder, &[&format!("--print-to-pdf={}", paper.display()), &url]);
    let paper = fs::read(paper).unwrap();
    assert!(paper.starts_with(b"%PDF-") && paper.len() > 20_000, "{} bytes on paper", paper.len());
}
