//! A real reverse proxy in front of a server, run from the configuration files that the project
//! recommends (`examples/behind-a-proxy`).

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a proxy may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many ports are tried: between our finding a free one and the proxy's taking it, somebody else
/// may.
const TRIES: usize = 5;

/// Whose proxy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one for each configuration file")]
pub enum ProxyKind {
    /// nginx, Debian package `nginx`.
    Nginx,
    /// HAProxy, Debian package `haproxy`.
    Haproxy,
    /// Apache httpd, Debian package `apache2-bin`.
    Apache,
}

impl ProxyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Apache];

    /// The file under `examples/behind-a-proxy`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Apache => "apache.conf",
        }
    }

    /// The recommended configuration, as it is in the repository.
    ///
    /// # Panics
    /// If the file is not there.
    pub fn recommended(self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/behind-a-proxy");
        fs::read_to_string(folder.join(self.file())).expect("the example is there")
    }

    /// That, but for the addresses and for how long silence may last.
    fn substituted(self, front: SocketAddr, server: SocketAddr, idle: Duration) -> String {
        let idle = idle.as_secs();
        let changes = match self {
            Self::Nginx => vec![
                ("listen 80;", format!("listen {front};")),
                ("server 127.0.0.1:8000;", format!("server {server};")),
                ("proxy_read_timeout 60s;", format!("proxy_read_timeout {idle}s;")),
            ],
            Self::Haproxy => vec![
                ("bind :80\n", format!("bind {front}\n")),
                ("server one 127.0.0.1:8000\n", format!("server one {server}\n")),
                ("timeout tunnel 60s\n", format!("timeout tunnel {idle}s\n")),
            ],
            Self::Apache => vec![
                ("<VirtualHost *:80>", format!("Listen {front}\n<VirtualHost {front}>")),
                ("\"http://127.0.0.1:8000/\"", format!("\"http://{server}/\"")),
                ("    ProxyTimeout 60\n", format!("    ProxyTimeout {idle}\n")),
                ("    Timeout 60\n", format!("    Timeout {idle}\n")),
            ],
        };
        changes.into_iter().fold(self.recommended(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from:?} in {}", self.file());
            text.replace(from, &to)
        })
    }

    /// What a package's own main file would have around ours, with everything in `folder`, so that
    /// it needs no rights.
    fn command(self, folder: &Path) -> io::Result<Command> {
        let (home, main) = (folder.display(), folder.join("main.conf"));
        let program = match self {
            Self::Nginx => {
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|kind| format!("{kind}_temp_path {home}/{kind};\n"))
                    .concat();
                let text = format!(
                    "daemon off;\nmaster_process off;\npid {home}/pid;\nevents {{}}\n\
                     http {{\naccess_log off;\n{temporary}include {home}/nginx.conf;\n}}\n"
                );
                fs::write(&main, text)?;
                "nginx"
            }
            Self::Haproxy => "haproxy",
            Self::Apache => {
                let modules: String = ["authz_core", "headers", "mpm_event", "proxy", "proxy_http"]
                    .map(|name| {
                        format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
                    })
                    .concat();
                let text = format!(
                    "ServerName localhost\nServerRoot {home}\nDefaultRuntimeDir {home}\n\
                     PidFile {home}/pid\nErrorLog {home}/log\nUser www-data\nGroup www-data\n\
                     {modules}Include {home}/apache.conf\n"
                );
                fs::write(&main, text)?;
                "apache2"
            }
        };
        let mut command = Command::new(program);
        match self {
            Self::Nginx => command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(&main),
            Self::Haproxy => command.arg("-db").arg("-f").arg(folder.join(self.file())),
            Self::Apache => command.arg("-X").arg("-f").arg(&main),
        };
        // Debian keeps servers where the path of a plain user does not lead.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
        Ok(command)
    }
}

/// A running proxy on a port of 127.0.0.1; it ends when this is dropped.
#[derive(Debug)]
pub struct ReverseProxy {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl ReverseProxy {
    /// Starts a proxy in front of `server` that cuts connections after this silence, in whole
    /// seconds, and waits until it listens.
    ///
    /// # Panics
    /// If it does not, with what it said.
    pub fn start(kind: ProxyKind, server: SocketAddr, idle: Duration) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            match Self::try_start(kind, server, idle) {
                Ok(proxy) => return proxy,
                Err(error) => said = error,
            }
        }
        panic!("{kind:?} does not start: {said}");
    }

    fn try_start(kind: ProxyKind, server: SocketAddr, idle: Duration) -> Result<Self, String> {
        let address = free_address().map_err(|error| error.to_string())?;
        let folder = new_folder().map_err(|error| error.to_string())?;
        let spawn = || {
            fs::write(folder.join(kind.file()), kind.substituted(address, server, idle))?;
            let log = fs::File::create(folder.join("said"))?;
            let mut command = kind.command(&folder)?;
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
        };
        let child = match spawn() {
            Ok(child) => child,
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(error.to_string());
            }
        };
        let mut proxy = Self { address, child, folder };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let ended = proxy.child.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Err(format!("{status}\n{}", proxy.said()));
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(proxy);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("it does not listen on {address}\n{}", proxy.said()))
    }

    /// What it said so far, to show when a test fails.
    pub fn said(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}{}", read("said"), read("log"))
    }
}

impl Drop for ReverseProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn new_folder() -> io::Result<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("everwire-proxy-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
