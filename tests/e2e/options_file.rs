//! Options of `pub` and `sub` in files: `-o FILE`, and mosquitto's own files in the configuration folder.

use crate::support::{Broker, Client, Outcome, free_port, sealmq};

struct Scene {
    folder: tempfile::TempDir,
    broker: Broker,
    port: u16,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let port = free_port();
        let configuration = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        let broker = Broker::start(folder.path(), &configuration);
        std::fs::create_dir(folder.path().join("config")).expect("make a folder");
        Scene { folder, broker, port }
    }

    fn file(&self, name: &str, more: &str) -> &Scene {
        let text = format!("# where\n-h 127.0.0.1\n-p {}\n{more}\n", self.port);
        std::fs::write(self.folder.path().join(name), text).expect("write the options");
        self
    }

    fn run(&self, words: &str) -> Outcome {
        let mut command = sealmq();
        command.args(words.split(' ')).current_dir(self.folder.path());
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        Outcome::of(&command.output().expect("sealmq runs"), words)
    }
}

#[test]
fn options_of_a_file_count_and_the_command_line_wins() {
    let scene = Scene::new();
    scene.file(
        "options",
        "-i from-file\n-V 5\n-D publish user-property a b\n-D publish content-type text\n-t room/a",
    );
    scene.run("pub -o options -m b").succeeded();
    scene.broker.wait_for_line(&["New client connected", "as from-file (p5"]);
    scene.run("pub -i typed -V 311 -m b -o options").succeeded();
    scene.broker.wait_for_line(&["New client connected", "as typed (p4"]);
    let subscriber =
        Client::start(scene.folder.path(), "sealmq sub -o options -i reader -C 1 -d -F %t:%P:%C:%p");
    subscriber.wait_for("Subscribed");
    scene.broker.wait_for_line(&["New client connected", "as reader (p5"]);
    scene.run("pub -o options -m payload").succeeded();
    subscriber.end().succeeded().says("room/a:a:b:text:payload");
}

#[test]
fn the_files_of_mosquittos_clients_count_unless_another_is_named() {
    let scene = Scene::new();
    scene.file("config/mosquitto_pub", "-i by-default").file("options", "-i by-name");
    scene.run("pub -t a -m b").succeeded();
    scene.broker.wait_for_line(&["New client connected", "as by-default"]);
    scene.run("pub -o options -t a -m b").succeeded();
    scene.broker.wait_for_line(&["New client connected", "as by-name"]);
    // It is mosquitto_pub's, not mosquitto_sub's.
    scene.run("sub -h 127.0.0.1 -p 1 -t a").refused().says("127.0.0.1:1");
    // A file that is there and cannot be read is not passed over: TLS may stand in it.
    std::fs::write(scene.folder.path().join("config/mosquitto_pub"), b"\xff").expect("write");
    scene.run("pub -h 127.0.0.1 -t a -m b").refused().says("config/mosquitto_pub").says("hint: ");
}
