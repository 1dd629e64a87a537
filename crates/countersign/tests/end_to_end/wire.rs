//! A driver that speaks the extended protocol, for what psql 15 cannot say.

use crate::world::World;
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection of the driver, driven by a runtime of its own so that the test may block meanwhile.
pub struct Driver {
    pub runtime: Runtime,
    pub client: Arc<Client>,
    tls: MakeRustlsConnect,
    gateway: (String, u16),
}

impl Driver {
    pub fn connect(world: &World, person: &str) -> Self {
        let psql = world.psql(person);
        let tls = MakeRustlsConnect::new(tls(&psql.ca));
        let runtime = Runtime::new().expect("a runtime");
        let mut config = Config::new();
        config.host(&psql.host).port(psql.port).user(&psql.user).password(&psql.password).dbname(&psql.database);
        config.ssl_mode(SslMode::Require);
        let (client, connection) = runtime.block_on(config.connect(tls.clone())).unwrap_or_else(|e| panic!("{e:?}"));
        runtime.spawn(connection);
        Self { runtime, client: Arc::new(client), tls, gateway: (psql.host, psql.port) }
    }

    /// Begins to execute one statement with two parameters; the number of rows comes at the end.
    pub fn begin(
        &self,
        sql: &'static str,
        one: &'static str,
        two: i32,
    ) -> JoinHandle<Result<u64, tokio_postgres::Error>> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.execute(sql, &[&one, &two]).await })
    }

    /// The end of what was begun.
    pub fn end<T>(&self, begun: JoinHandle<T>) -> T {
        let ended = self.runtime.block_on(async { tokio::time::timeout(crate::world::SOON, begun).await });
        ended.expect("it ends in time").expect("the task does not panic")
    }

    /// Asks to cancel and waits until the other side closed, as libpq does: what is sent next comes after it.
    pub fn cancel(&self) {
        let host = self.gateway.0.as_str();
        let stream = std::net::TcpStream::connect((host, self.gateway.1)).expect("the gateway listens");
        stream.set_nonblocking(true).expect("a stream for the runtime");
        let same = stream.try_clone().expect("a second handle");
        self.runtime.block_on(async {
            let stream = TcpStream::from_std(stream).expect("in the runtime");
            let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut self.tls.clone(), host).expect("a name");
            self.client.cancel_token().cancel_query_raw(stream, tls).await.expect("the cancel is sent");
            let mut same = TcpStream::from_std(same).expect("in the runtime");
            // A reset is an end as well.
            let closed = tokio::time::timeout(crate::world::SOON, same.read_to_end(&mut Vec::new())).await;
            closed.expect("the gateway closes in time").ok();
        });
    }

    /// One value of one row.
    pub fn value(&self, sql: &str) -> Result<String, tokio_postgres::Error> {
        self.runtime.block_on(self.client.query_one(sql, &[])).map(|row| row.get(0))
    }
}

fn tls(ca: &Path) -> rustls::ClientConfig {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a root certificate")).expect("a root certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.expect("the provider has them").with_root_certificates(roots).with_no_client_auth()
}
