//! C plugins stop the start; the two stock ones are what they stand for.

use crate::reading::{config, errors, read};
use std::path::Path;

#[test]
fn a_plugin_stops_the_start_and_is_named_with_what_replaces_it() {
    for key in ["plugin", "auth_plugin", "global_plugin", "plugin_load x"] {
        let parsed = read(format!(
            "listener 1883\n{key} /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /etc/d.json\n"
        ));
        assert!(parsed.config.is_none());
        let errors: Vec<_> = parsed.diagnostics.iter().filter(|finding| finding.is_error()).collect();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(
            errors[0].text.contains("Unable to load plugin \"/usr/lib/mosquitto_dynamic_security.so\"."),
            "{errors:#?}"
        );
        assert!(errors[0].hint.as_ref().unwrap().contains("password_file and acl_file"), "{errors:#?}");
        assert_eq!(errors[0].place.as_ref().unwrap().line, 2);
    }
}

#[test]
fn the_stock_plugins_are_acl_file_and_password_file() {
    let access = config(
        "listener 1883\nplugin /usr/lib/x86_64-linux-gnu/mosquitto_acl_file.so\nplugin_opt_acl_file /etc/acl\n\
         plugin mosquitto_password_file.so\nplugin_opt_password_file /etc/passwords\n",
    ).listeners.remove(0).access;
    assert_eq!(access.acl_file.unwrap().path, Path::new("/etc/acl"));
    assert_eq!(access.password_file.unwrap().path, Path::new("/etc/passwords"));
}

#[test]
fn a_stock_plugin_counts_for_its_listener_with_per_listener_settings() {
    let config = config(
        "per_listener_settings true\nlistener 1\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file a\nlistener 2\n",
    );
    assert!(config.listeners[0].access.acl_file.is_some());
    assert!(config.listeners[1].access.acl_file.is_none());
}

#[test]
fn a_loaded_stock_plugin_counts_where_it_is_used() {
    let config = config(
        "plugin_load acl mosquitto_acl_file.so\nplugin_opt_acl_file a\nlistener 1\nplugin_use acl\nlistener 2\n",
    );
    assert!(config.listeners[0].access.acl_file.is_some());
    assert!(config.listeners[1].access.acl_file.is_none());
    let refused = errors("plugin_load acl mosquitto_acl_file.so\nplugin_opt_acl_file a\nlistener 1\n");
    assert_eq!(refused, ["1: Error: The plugin is loaded, but no listener uses it."]);
}

#[test]
fn a_stock_plugin_without_its_file_or_with_an_unknown_option_is_refused() {
    assert_eq!(
        errors("listener 1\nplugin mosquitto_acl_file.so\n"),
        ["2: Error: The plugin has no 'plugin_opt_acl_file'."]
    );
    let refused =
        errors("listener 1\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file a\nplugin_opt_strict true\n");
    assert_eq!(refused, ["4: Error: 'strict' is not an option of the built-in acl_file."]);
}

#[test]
fn one_file_twice_is_refused() {
    let refused = errors("listener 1\nacl_file a\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file b\n");
    assert_eq!(refused, ["4: Error: 'acl_file' is given twice."]);
}
