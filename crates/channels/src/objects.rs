//! Objects in a store that speaks the protocol of Amazon S3, over HTTPS.

use countersign_control::{Away, Has, Objects};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, MultipartUpload, ObjectStoreExt, PutPayload, RetryConfig,
};
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use tokio::runtime::Handle;

/// Files up to so many bytes are brought in one piece, larger ones in pieces of that size, the last one aside.
const PIECE_BYTES: u64 = 8 << 20;
/// How long reaching the store may take, and one request to it, from its first byte to its last.
const WITHIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
/// How often one request is tried again at once, and for how long.
const AGAIN: (usize, Duration) = (2, Duration::from_secs(10));

/// Where recordings are kept.
#[derive(Debug)]
pub struct StoreConfig {
    /// `s3://BUCKET`, and what names of objects begin with.
    pub store: String,
    /// Where the store is reached, when it is not Amazon's own.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who we are there.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: SecretString,
    /// The certificate authority the store is checked against besides the system's, as PEM.
    pub ca_pem: Option<String>,
}

/// A set-up that cannot work.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the variants mean")]
pub enum StoreFault {
    #[error("`{0}` is no store; write it as s3://BUCKET or s3://BUCKET/PREFIX")]
    Store(String),
    #[error(
        "`{0}` is no address of a store; write https://HOST, or http:// for one on this machine (a loopback address)"
    )]
    Endpoint(String),
    #[error("the certificate authority of the store is not PEM: {0}")]
    Authority(String),
    #[error("the store cannot be used: {0}")]
    Other(String),
}

/// A bucket, and the runtime in which it is spoken to.
pub struct Bucket {
    store: AmazonS3,
    bucket: String,
    prefix: String,
    /// Where it is reached, by which it is told from a bucket of that name in another store.
    endpoint: String,
    runtime: Handle,
}

impl Bucket {
    /// Checks the set-up; the store is not asked yet. To be called within the runtime that is to speak to it.
    ///
    /// # Errors
    /// [`StoreFault`], which says what to write instead.
    pub fn new(config: StoreConfig) -> Result<Bucket, StoreFault> {
        let (bucket, prefix) = split(&config.store).ok_or_else(|| StoreFault::Store(config.store.clone()))?;
        let (reach, whole) = WITHIN;
        let mut options = ClientOptions::new().with_connect_timeout(reach).with_timeout(whole);
        if let Some(pem) = &config.ca_pem {
            let wrong = |e: object_store::Error| StoreFault::Authority(e.to_string());
            options = options.with_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(wrong)?);
        }
        let (max_retries, retry_timeout) = AGAIN;
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries, retry_timeout };
        let mut builder = AmazonS3Builder::new();
        let at = match &config.endpoint {
            Some(endpoint) => known(endpoint),
            None => format!("https://s3.{}.amazonaws.com", config.region),
        };
        if let Some(endpoint) = config.endpoint {
            let plain = endpoint.starts_with("http://");
            if !is_endpoint(&endpoint) {
                return Err(StoreFault::Endpoint(endpoint));
            }
            options = options.with_allow_http(plain);
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder
            .with_bucket_name(bucket)
            .with_region(config.region)
            .with_access_key_id(config.access_key)
            .with_secret_access_key(config.secret_key.expose_secret())
            .with_client_options(options)
            .with_retry(retry)
            .with_disable_bulk_delete(true)
            .build()
            .map_err(|e| StoreFault::Other(e.to_string()))?;
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        Ok(Bucket { store, bucket, prefix, endpoint: at, runtime: Handle::current() })
    }

    /// Where an object is, in a store that is not told.
    fn untold(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.path(name))
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.prefix.split('/').filter(|part| !part.is_empty()).chain([name]))
    }
}

/// Bucket and prefix of `s3://BUCKET/PREFIX`.
fn split(store: &str) -> Option<(&str, &str)> {
    let rest = store.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let parts = prefix.split('/').all(|part| !matches!(part, "." | ".."));
    ((3..=63).contains(&bucket.len()) && plain(bucket, "-.") && plain(prefix, "-_./") && parts)
        .then_some((bucket, prefix.trim_matches('/')))
}

/// Whether that is where a store may be: without TLS on this machine only.
fn is_endpoint(endpoint: &str) -> bool {
    let (host, local) = match (endpoint.strip_prefix("https://"), endpoint.strip_prefix("http://")) {
        (Some(host), _) => (host, false),
        (_, Some(host)) => (host, true),
        _ => return false,
    };
    let host = host.trim_end_matches('/');
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let here = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|at| at.is_loopback()) || name == "localhost";
    !name.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) && (here || !local)
}

/// An endpoint in one spelling: names of hosts are the same in capitals, and so is one with the port that is meant without one.
fn known(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/').to_ascii_lowercase();
    let port = if endpoint.starts_with("https://") { ":443" } else { ":80" };
    endpoint.strip_suffix(port).unwrap_or(&endpoint).to_owned()
}

fn away(e: object_store::Error) -> Away {
    Away(e.to_string())
}

impl Objects for Bucket {
    fn place(&self, name: &str) -> String {
        format!("{} at {}", self.untold(name), self.endpoint)
    }

    fn has_place(&self, place: &str, name: &str) -> Has {
        match place {
            place if place == self.place(name) => Has::Yes,
            place if place == self.untold(name) => Has::Perhaps,
            _ => Has::No,
        }
    }

    fn bring(&self, name: &str, file: &File) -> Result<(), Away> {
        let read = |e: std::io::Error| Away(format!("a file could not be read: {e}"));
        let (path, bytes) = (self.path(name), file.metadata().map_err(read)?.len());
        if bytes <= PIECE_BYTES {
            let whole = piece(file, 0, bytes).map_err(read)?;
            return self.runtime.block_on(self.store.put(&path, whole)).map(|_| ()).map_err(away);
        }
        let mut upload = self.runtime.block_on(self.store.put_multipart(&path)).map_err(away)?;
        let brought = self.bring_pieces(upload.as_mut(), file, bytes);
        if brought.is_err() {
            // What is left of it otherwise is the store's to clean up.
            let _ = self.runtime.block_on(upload.abort());
        }
        brought
    }

    fn fetch(&self, name: &str, out: &mut dyn Write) -> Result<bool, Away> {
        let path = self.path(name);
        let mut found = match self.runtime.block_on(self.store.get(&path)) {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            found => found.map_err(away)?.into_stream(),
        };
        while let Some(bytes) = self.runtime.block_on(futures_util::StreamExt::next(&mut found)) {
            out.write_all(&bytes.map_err(away)?).map_err(|e| Away(e.to_string()))?;
        }
        Ok(true)
    }

    fn erase(&self, name: &str) -> Result<(), Away> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(away(e)),
        }
    }
}

impl Bucket {
    fn bring_pieces(&self, upload: &mut dyn MultipartUpload, file: &File, bytes: u64) -> Result<(), Away> {
        let mut at = 0;
        while at < bytes {
            let length = PIECE_BYTES.min(bytes - at);
            let next = piece(file, at, length).map_err(|e| Away(format!("a file could not be read: {e}")))?;
            self.runtime.block_on(upload.put_part(next)).map_err(away)?;
            at += length;
        }
        self.runtime.block_on(upload.complete()).map(|_| ()).map_err(away)
    }
}

fn piece(file: &File, at: u64, bytes: u64) -> std::io::Result<PutPayload> {
    let mut piece = vec![0; usize::try_from(bytes).map_err(std::io::Error::other)?];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_bucket_and_a_prefix() {
        assert_eq!(split("s3://records"), Some(("records", "")));
        assert_eq!(split("s3://records/gate-1/"), Some(("records", "gate-1")));
        assert_eq!(split("s3://records/a/b_c"), Some(("records", "a/b_c")));
        for wrong in
            ["records", "s3://", "s3://ab", "https://records", "s3://re cords", "s3://records/../x", "s3://r@x/y"]
        {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    /// A bucket of that name in another store is another place, and so is another bucket or prefix; the spelling is not.
    #[tokio::test]
    async fn a_place_tells_one_store_from_another() {
        let bucket = |store: &str, endpoint: Option<&str>, region: &str| {
            let config = StoreConfig {
                store: store.into(),
                endpoint: endpoint.map(Into::into),
                region: region.into(),
                access_key: "gate".into(),
                secret_key: "a secret of that key".to_owned().into(),
                ca_pem: None,
            };
            Bucket::new(config).expect("a store")
        };
        let ours = bucket("s3://records/gate-1", Some("https://S3.example.com:443/"), "here");
        let place = ours.place("7.transcript");
        assert_eq!(place, "s3://records/gate-1/7.transcript at https://s3.example.com");
        let same = bucket("s3://records/gate-1/", Some("https://s3.example.com"), "here");
        assert_eq!(same.has_place(&place, "7.transcript"), Has::Yes);
        assert_eq!(ours.has_place(&place, "8.transcript"), Has::No);
        for other in [
            bucket("s3://records/gate-1", Some("https://other.example.com"), "here"),
            bucket("s3://records/gate-1", Some("https://s3.example.com:9000"), "here"),
            bucket("s3://records/gate-1", None, "here"),
            bucket("s3://records/gate-2", Some("https://s3.example.com"), "here"),
            bucket("s3://record/gate-1", Some("https://s3.example.com"), "here"),
        ] {
            assert_eq!(other.has_place(&place, "7.transcript"), Has::No, "{}", other.place("7.transcript"));
        }
        let one = bucket("s3://records", None, "eu-1").place("7.transcript");
        assert_eq!(bucket("s3://records", None, "eu-2").has_place(&one, "7.transcript"), Has::No);
        assert_eq!(ours.has_place("s3://records/gate-1/7.transcript", "7.transcript"), Has::Perhaps);
        assert_eq!(ours.has_place("s3://records/7.transcript", "7.transcript"), Has::No);
    }

    #[test]
    fn without_tls_a_store_is_on_this_machine() {
        for fine in
            ["https://s3.example.com", "https://s3.example.com:9000/", "http://127.0.0.1:9000", "http://[::1]:1"]
        {
            assert!(is_endpoint(fine), "{fine}");
        }
        for wrong in [
            "http://s3.example.com",
            "http://10.0.0.5:9000",
            "s3.example.com",
            "https://",
            "https://a/b",
            "http://u@localhost",
        ] {
            assert!(!is_endpoint(wrong), "{wrong}");
        }
    }
}
