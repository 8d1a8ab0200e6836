//! The making of the consumer's keys, by the real command.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const DHPARAM: &str = include_str!("../keys/other_dhparam.pem");

fn generate(folder: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_courier"));
    command.args(["keys", "generate", "--consumer-key", "COURIERXX", "--out"]).arg(folder).args(options);
    command.output().unwrap()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_keys_pair_up_and_no_private_one_is_printed_or_readable_by_others() {
    let folder = TempDir::new().unwrap();
    let dhparam = folder.path().join("mine.pem");
    std::fs::write(&dhparam, DHPARAM).unwrap();
    let out = folder.path().join("keys");
    let output = generate(&out, &["--dhparam", dhparam.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{output:?}");

    let secret: Value = serde_json::from_str(&read(&out, "consumer.json")).unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for name in ["private_signature.pem", "private_encryption.pem"] {
        let pem = read(&out, name);
        assert_eq!(secret[name.replace(".pem", "_pem")], pem.as_str());
        assert!(!printed.contains(pem.lines().nth(1).unwrap()));
        assert!(!read(&out, &name.replace("private", "public")).contains("PRIVATE"));
    }
    for name in ["private_signature.pem", "private_encryption.pem", "consumer.json"] {
        let mode = std::fs::metadata(out.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }

    let file = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let doctor = Command::new(env!("CARGO_BIN_EXE_courier"))
        .args(["doctor", "--offline", "--secret-file", &file("consumer.json")])
        .args(["--public-signature", &file("public_signature.pem")])
        .args(["--public-encryption", &file("public_encryption.pem"), "--dhparam", &file("dhparam.pem")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(0), "{told}");
    assert!(told.contains("the broker was not asked"), "{told}");

    let again = generate(&out, &["--dhparam", dhparam.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "nothing is written over");
    assert!(String::from_utf8_lossy(&again.stderr).contains("may be the only copy"));
}

/// The search itself takes openssl minutes at times: here its place is taken by a program that gives a prime at once.
#[test]
fn the_prime_is_openssls() {
    let folder = TempDir::new().unwrap();
    let prime = folder.path().join("prime.pem");
    std::fs::write(&prime, DHPARAM).unwrap();
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let openssl = programs.join("openssl");
    let script = format!("#!/bin/sh\n[ \"$*\" = 'dhparam 2048' ] && exec cat '{}'\n", prime.display());
    std::fs::write(&openssl, script).unwrap();
    std::fs::set_permissions(&openssl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let out = folder.path().join("keys");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_courier"))
        .args(["keys", "generate", "--out"])
        .arg(&out)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(&out, "dhparam.pem"), DHPARAM);
    let secret: Value = serde_json::from_str(&read(&out, "consumer.json")).unwrap();
    assert_eq!(secret["consumer_key"], "", "IBKR has given none yet");
}

/// A dhparam file in whatever form goes to IBKR as openssl writes it, and openssl loads all three files.
#[test]
fn what_ibkr_is_sent_is_loaded_by_openssl_whatever_was_typed() {
    let folder = TempDir::new().unwrap();
    let dhparam = folder.path().join("mine.pem");
    std::fs::write(&dhparam, format!("\u{feff}'{}'", DHPARAM.replace('\n', "\\n"))).unwrap();
    let out = folder.path().join("keys");
    let output = generate(&out, &["--dhparam", dhparam.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("courier doctor --secret-file") && told.contains("put-secret-value"), "{told}");
    assert!(!told.contains("keys consumer"), "that writes into the stack's secret, which has not these keys: {told}");
    assert_eq!(read(&out, "dhparam.pem"), DHPARAM);
    let loads: [&[&str]; 3] = [
        &["pkey", "-pubin", "-noout", "-in", "public_signature.pem"],
        &["pkey", "-pubin", "-noout", "-in", "public_encryption.pem"],
        &["dhparam", "-noout", "-in", "dhparam.pem"],
    ];
    for arguments in loads {
        let output = Command::new("openssl").args(arguments).current_dir(&out).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_consumer_key_that_cannot_be_one_makes_no_keys() {
    let folder = TempDir::new().unwrap();
    for key in ["COURIER AB", "\"COURIERXX\"", "courierxx", ""] {
        let out = folder.path().join("keys");
        let mut command = Command::new(env!("CARGO_BIN_EXE_courier"));
        let output = command.args(["keys", "generate", "--consumer-key", key, "--out"]).arg(&out).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{key:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was stored"), "{output:?}");
        assert!(!out.exists(), "{key:?}");
    }
}
