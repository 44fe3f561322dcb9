// Stream: bytes over a connected, non-blocking socket, plain or TLS, owned by one Loop. TLS is OpenSSL directly on the
// descriptor (SSL_set_fd) with buffers released when idle. Servers above see only Stream: the record layer below may
// change. Errors of every operation: Timeout, Closed (peer's orderly end is read_some() == 0; a reset or a missing
// close_notify is Closed), Cancelled, Invalid (TLS handshake: text says why).
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"

namespace bz::crypto {
class TlsContext;
struct PeerCertificates;
}  // namespace bz::crypto

namespace bz::net {

// Facts of a TLS connection; empty when plain.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  std::string sni;
  std::string client_certificate_sha256;  // raw 32 bytes, empty: none
  std::string exporter;                   // tls-exporter channel binding, RFC 9266; raw
  std::string unique, server_end_point;   // tls-unique (TLS 1.2), tls-server-end-point, RFC 5929; raw, empty: none
  std::vector<std::string> peer_chain;    // DER, leaf first, without the root; only if verified
  bool resumed = false;
  int bits = 0;      // of the cipher
  std::string alpn;  // the protocol agreed on
};

class Stream {
 public:
  Stream(Loop& loop, int fd);  // owns fd; makes it non-blocking
  virtual ~Stream();           // closes; no TLS shutdown is sent, see shutdown()
  Stream(const Stream&) = delete;

  Loop& loop() const { return loop_; }
  int fd() const;

  // Waits until there is something to read (data or end) without holding a buffer: idle sessions wait here.
  virtual Task<Result<void>> wait_readable(Deadline deadline);
  // 0 = the peer ended in order.
  virtual Task<Result<size_t>> read_some(std::span<char> out, Deadline deadline);
  // The next byte, left where it is; a TLS ClientHello begins with 0x16. Plain streams only. Closed: the peer ended.
  Task<Result<char>> peek_byte(Deadline deadline);
  // All of it, or an error. `bytes` must stay valid until done.
  virtual Task<Result<void>> write_all(std::string_view bytes, Deadline deadline);
  // Ends our side in order (close_notify and FIN).
  virtual Task<Result<void>> shutdown(Deadline deadline);

  // Turns the plain stream into a TLS one. What was read before and not yet consumed must be thrown away by the caller
  // (STARTTLS injection, RFC 3207 section 4.2).
  Task<Result<TlsInfo>> accept_tls(const crypto::TlsContext& context, Deadline deadline);
  // Checks the certificate against `host` unless the context says otherwise.
  Task<Result<TlsInfo>> connect_tls(const crypto::TlsContext& context, std::string host, Deadline deadline);
  bool is_tls() const;
  const TlsInfo& tls() const;
  crypto::PeerCertificates peer_certificates() const;  // of the server we connected to; empty when plain

  void close();  // at once; waiters get Closed

 protected:
  friend class Splice;
  Task<Result<TlsInfo>> finish_tls(Deadline deadline);
  struct Impl;
  Loop& loop_;
  std::unique_ptr<Impl> impl_;
};

// Two connected ends, each on its loop: tests, and legs between roles.
Result<std::pair<int, int>> socket_pair();

// Moves bytes both ways until both sides ended, one failed, or nothing moved for `idle`. Holds no buffer while idle.
// An end is passed on as an end (close_notify, FIN); the other way goes on. What one side does not take is held once (at
// most 64 KiB) and its source not read meanwhile. Both streams stay owned by the caller and must outlive the task.
struct SpliceEnd {
  uint64_t a_to_b = 0, b_to_a = 0;
  bool b_at_line_end = false;  // the last byte of b was passed on, and was LF
  std::string reason;          // "a ended", "b ended", "idle", or an error's text
};
//
// With a witness b is a back end, and its end or failure is the end of both: what it said is still passed on, then the
// witness's last words, then the end; what a sends meanwhile is dropped. It is over when a ends too, 5 s later at most.
class SpliceWitness {
 public:
  virtual ~SpliceWitness() = default;
  virtual void passing(std::string_view bytes) = 0;  // from b on their way to a, in order, each once
  // b is gone and a is still there: what a is told behind b's last byte; empty: nothing.
  virtual std::string last_words() = 0;
};
Task<SpliceEnd> splice(Stream& a, Stream& b, Millis idle, SpliceWitness* witness = nullptr);

// Numeric address and port of a connected or listening socket. An IPv4 peer of an IPv6 socket is shown as IPv4.
struct Endpoint {
  std::string address;  // "192.0.2.1", "2001:db8::1", "unix"
  uint16_t port = 0;
  std::string to_string() const;  // "192.0.2.1:993", "[2001:db8::1]:993"
};
Result<Endpoint> peer_of(int fd);
Result<Endpoint> local_of(int fd);
bool is_numeric(const std::string& address);  // IPv4 or IPv6
// Loopback, link-local, RFC 1918 and RFC 4193: a wire of our own. False for what is no numeric address.
bool is_private(const std::string& address);

// Outward TCP connection (mta and auth only). `address` is numeric.
Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Endpoint to, Deadline deadline);

// Accepts on a listening descriptor (owned) and hands each connection to `on_accept`; sheds by closing when accept fails
// for lack of descriptors, and logs it once a second. Connections are non-blocking, TCP_NODELAY, keepalive.
class Listener {
 public:
  Listener(Loop& loop, int fd, std::function<void(int connection)> on_accept);
  ~Listener();
  Endpoint local() const;
  void pause();
  void resume();
  // Hands out what waits in the kernel's queue; before the end of a listener whose socket ends with it.
  void take_waiting();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with a callback that is running
};
// Numeric address; port 0 = any. SO_REUSEADDR; SO_REUSEPORT when asked; "::" is IPv6 only, so that both may be listed.
Result<int> listen_tcp(const Endpoint& at, bool reuse_port = false);
Result<int> listen_unix(const std::string& path,
                        unsigned mode);  // relative to the working directory; replaces a dead socket

}  // namespace bz::net
