//! Names that clients go by and no certificate gave them, where a data directory knows which names are certificates'.
//!
//! A name has one kind of proof: whoever has a certificate of ours under it must show it. Asked at the door about every
//! name that a password, an exchange, a token or nobody proved, and again whenever such a session is judged. Names are
//! counted while they are held, so that a certificate which is issued ends who went by its name until then, and issuing
//! one costs all others nothing.
//!
//! Not asked about: the name of a verified certificate, of whichever CA, and of one that a believed proxy has seen.
//!
//! Invariant: a name is counted *before* the inventory is asked about it, and whoever issues asks for the count *after*
//! the certificate is in the inventory: one of the two sees the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealmq_pki::{Name, NameKey};

use super::authenticate::{CertificateNames, Denied, not_authorised};

/// See the module. Its size is bounded by the connections there are.
pub(crate) struct HeldNames {
    certificates: Arc<dyn CertificateNames>,
    counts: Mutex<HashMap<NameKey, usize>>,
}

/// One name that is held; until it is dropped with its session.
pub(crate) struct HeldName {
    names: Arc<HeldNames>,
    name: Arc<str>,
    /// `None`: no certificate of ours can have this name.
    key: Option<NameKey>,
}

impl HeldNames {
    pub(crate) fn new(certificates: Arc<dyn CertificateNames>) -> Arc<HeldNames> {
        Arc::new(HeldNames { certificates, counts: Mutex::default() })
    }

    /// Holds a name, if it is none of a certificate.
    ///
    /// # Errors
    /// It is one, or nobody can tell.
    pub(crate) fn hold(self: &Arc<Self>, name: &Arc<str>) -> Result<Arc<HeldName>, Denied> {
        let key = Name::parse(name).ok().map(|name| name.key());
        if let Some(key) = &key {
            *self.lock().entry(key.clone()).or_insert(0) += 1;
        }
        let held = HeldName { names: Arc::clone(self), name: Arc::clone(name), key };
        held.check()?;
        Ok(Arc::new(held))
    }

    /// Whether anybody goes by this name, or is on the way in with it.
    pub(crate) fn is_held(&self, name: &Name) -> bool {
        self.lock().contains_key(&name.key())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NameKey, usize>> {
        // A table of plain numbers is whole after a panic elsewhere.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldName {
    /// Whether it is still none of a certificate.
    ///
    /// # Errors
    /// It is one by now, or nobody can tell.
    pub(crate) fn check(&self) -> Result<(), Denied> {
        match self.names.certificates.is_live(&self.name) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Denied {
                text: "the name belongs to a certificate; nothing else counts for it".to_owned(),
                hint: Some("give the user another name, or let the device use its certificate".to_owned()),
                ..not_authorised("SMQ-A015")
            }),
            Err(error) => Err(Denied { text: error.to_string(), ..not_authorised("SMQ-A016") }),
        }
    }
}

impl Drop for HeldName {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut counts = self.names.lock();
        if let Some(count) = counts.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{OnceLock, Weak};

    use super::super::authenticate::CannotTell;
    use super::*;

    /// `pump` belongs to a certificate once this is set; nobody can tell of `boiler`.
    struct Pump(AtomicBool);

    impl CertificateNames for Pump {
        fn is_live(&self, name: &str) -> Result<bool, CannotTell> {
            match name {
                "boiler" => Err(CannotTell("disk".to_owned())),
                name => Ok(name.eq_ignore_ascii_case("pump") && self.0.load(Ordering::SeqCst)),
            }
        }
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_held_as_long_as_anybody_goes_by_it_whatever_its_case() {
        let names = HeldNames::new(Arc::new(Pump(AtomicBool::new(false))));
        assert!(!names.is_held(&name("pump")));
        let (first, second) = (names.hold(&"Pump".into()).unwrap(), names.hold(&"pump".into()).unwrap());
        drop(first);
        assert!(names.is_held(&name("PUMP")) && !names.is_held(&name("kettle")));
        drop(second);
        assert!(!names.is_held(&name("pump")) && names.lock().is_empty());
    }

    #[test]
    fn a_name_that_became_a_certificates_holds_no_more() {
        let pump = Arc::new(Pump(AtomicBool::new(false)));
        let names = HeldNames::new(Arc::clone(&pump) as _);
        let held = names.hold(&"pump".into()).unwrap();
        let other = names.hold(&"a name of no certificate/#".into()).unwrap();
        assert!(held.check().is_ok());
        pump.0.store(true, Ordering::SeqCst);
        assert_eq!(held.check().unwrap_err().code, "SMQ-A015");
        assert!(other.check().is_ok());
    }

    /// Says of every name that it is free, and that it was counted when this was asked.
    #[derive(Default)]
    struct Asked {
        of: OnceLock<Weak<HeldNames>>,
        counted: AtomicBool,
    }

    impl CertificateNames for Asked {
        fn is_live(&self, text: &str) -> Result<bool, CannotTell> {
            let names = self.of.get().and_then(Weak::upgrade).expect("set before anything is held");
            self.counted.store(names.is_held(&name(text)), Ordering::SeqCst);
            Ok(false)
        }
    }

    /// Else one that is issued in between would be noticed by nobody.
    #[test]
    fn a_name_is_counted_before_the_inventory_is_asked() {
        let asked = Arc::new(Asked::default());
        let names = HeldNames::new(Arc::clone(&asked) as _);
        asked.of.set(Arc::downgrade(&names)).unwrap();
        let _held = names.hold(&"pump".into()).unwrap();
        assert!(asked.counted.load(Ordering::SeqCst));
    }

    #[test]
    fn what_is_refused_is_not_held() {
        let names = HeldNames::new(Arc::new(Pump(AtomicBool::new(true))));
        let refused = |name: &str| names.hold(&name.into()).map(|_| ()).unwrap_err().code;
        assert_eq!((refused("Pump"), refused("boiler")), ("SMQ-A015", "SMQ-A016"));
        assert!(names.lock().is_empty());
        assert!(names.hold(&"kettle".into()).is_ok());
    }
}
