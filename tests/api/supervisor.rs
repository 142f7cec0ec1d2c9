//! What a service manager such as systemd is sent.

use std::os::unix::net::UnixDatagram;

use super::service::{HANG_GUARD, Service};

#[test]
fn the_service_manager_is_notified_from_start_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(HANG_GUARD)).unwrap();
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")];
    let service = Service::start_with(&env);
    assert_eq!(next(&socket), "READY=1");
    // One ping follows the other.
    assert_eq!((next(&socket), next(&socket)), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
    let (status, _) = service.stop();
    assert!(status.success());
    let last = std::iter::from_fn(|| Some(next(&socket))).find(|sent| sent != "WATCHDOG=1");
    assert_eq!(last.unwrap(), "STOPPING=1");
}

fn next(socket: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let bytes = socket.recv(&mut message).unwrap();
    String::from_utf8(message[..bytes].to_vec()).unwrap().trim().to_owned()
}
