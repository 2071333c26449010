//! `manifest.json`: what a bundle is and what its files are, for programs and for a look a year later.

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::bundle::{BundleFile, BundleRequest};
use crate::target::Target;

/// The form of the manifest; it changes when a reader would have to.
const FORMAT_VERSION: u32 = 1;

pub(crate) fn file(target: Target, request: &BundleRequest<'_>, files: &[BundleFile]) -> BundleFile {
    let leaf = request.leaf().facts();
    let manifest = json!({
        "format": "sealmq-bundle",
        "version": FORMAT_VERSION,
        "target": target.as_str(),
        "id": request.name.as_str(),
        "serial": leaf.serial.to_string(),
        "fingerprint_sha256": leaf.fingerprint.to_string(),
        "not_before": leaf.not_before.to_string(),
        "not_after": leaf.not_after.to_string(),
        "host": request.host.to_string(),
        "port": request.port,
        "anchors": request.anchors.iter().map(anchor).collect::<Vec<Value>>(),
        "files": files.iter().map(entry).collect::<Vec<Value>>(),
    });
    let text = serde_json::to_string_pretty(&manifest).expect("a JSON value can always be written");
    BundleFile::public("manifest.json", format!("{text}\n"), "this bundle, for programs")
}

fn anchor(certificate: &sealmq_pki::Certificate) -> Value {
    let facts = certificate.facts();
    json!({
        "subject": facts.subject.rfc2253(),
        "fingerprint_sha256": facts.fingerprint.to_string(),
        "not_after": facts.not_after.to_string(),
    })
}

fn entry(file: &BundleFile) -> Value {
    let digest = digest::digest(&digest::SHA256, &file.content);
    let hex: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    json!({
        "name": file.name,
        "what": file.what,
        "mode": format!("{:04o}", file.mode.bits()),
        "sha256": hex,
    })
}
