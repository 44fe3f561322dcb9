#include "ldap/session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ldap.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openldap.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/text.h"

namespace bz::ldap {

namespace {

constexpr ber_len_t kMaxPdu = 4 << 20;  // one message of a server

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

bool is_loopback(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

Result<std::vector<Address>> resolve(const Server& server) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  if (is_loopback(server.host)) hints.ai_flags = AI_NUMERICHOST;
  int rc = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &list);
  if (rc != 0) return fail(Errc::Unavailable, server.host + ": " + gai_strerror(rc));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, &::freeaddrinfo);
  std::vector<Address> out;
  for (const addrinfo* a = list; a && out.size() < 8; a = a->ai_next) {
    if (a->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address address;
    std::copy_n(reinterpret_cast<const char*>(a->ai_addr), a->ai_addrlen, reinterpret_cast<char*>(&address.storage));
    address.size = a->ai_addrlen;
    out.push_back(address);
  }
  return out;
}

Result<void> set_blocking(int fd, bool blocking) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
    return base::from_errno(errno, "fcntl");
  return {};
}

// A firewall that forgets an idle connection must not cost a login its time: dead peers are found in the background.
void set_keepalive(int fd) {
  int one = 1, idle = 30, interval = 10, count = 3, user_timeout = 30'000;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

struct Closer {
  int fd = -1;
  ~Closer() {
    if (fd >= 0) ::close(fd);
  }
  int release() { return std::exchange(fd, -1); }
};

Result<int> connect_to(const Address& address, base::MonoTime until) {
  Closer socket{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (socket.fd < 0) return base::from_errno(errno, "socket");
  int rc = ::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (rc < 0 && errno != EINPROGRESS) return base::from_errno(errno, "connect");
  if (rc < 0) {
    using namespace std::chrono;
    auto left = duration_cast<milliseconds>(until - steady_clock::now()).count();
    pollfd wait{socket.fd, POLLOUT, 0};
    if (::poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 600'000))) != 1)
      return fail(Errc::Unavailable, "connect: no answer");
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return base::from_errno(error, "connect");
  }
  set_keepalive(socket.fd);
  return socket.release();
}

Result<int> connect_any(const Server& server, base::MonoTime until, const Cut& cut) {
  BZ_TRY(std::vector<Address> addresses, resolve(server));
  Error last(Errc::Unavailable, server.host + " has no address");
  for (const Address& address : addresses) {
    if (cut.is_cut()) return fail(Errc::Timeout, "no answer in time");
    auto fd = connect_to(address, until);
    if (fd) return fd;
    last = fd.error();
  }
  return last;
}

Result<void> must(int rc, ::ldap* session, const char* what) {
  if (rc == LDAP_OPT_SUCCESS) return {};
  return fail(Errc::Unavailable, std::string(what) + ": " + error_text(session, rc));
}

Result<void> set_options(::ldap* session, const std::string& ca_file, base::Millis time) {
  const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
  timeval span{static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
  auto set = [&](int option, const void* value) { return ldap_set_option(session, option, value); };
  BZ_TRY_VOID(must(set(LDAP_OPT_PROTOCOL_VERSION, &version), session, "protocol version"));
  BZ_TRY_VOID(must(set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF), session, "referrals"));
  BZ_TRY_VOID(must(set(LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON), session, "async"));
  // Without this one the line above has no effect.
  BZ_TRY_VOID(must(set(LDAP_OPT_NETWORK_TIMEOUT, &span), session, "network timeout"));
  BZ_TRY_VOID(must(set(LDAP_OPT_TIMEOUT, &span), session, "timeout"));
  BZ_TRY_VOID(must(set(LDAP_OPT_X_TLS_REQUIRE_CERT, &demand), session, "certificate check"));
  BZ_TRY_VOID(must(set(LDAP_OPT_X_TLS_PROTOCOL_MIN, &least), session, "TLS 1.2"));
  BZ_TRY_VOID(must(set(LDAP_OPT_X_TLS_CACERTFILE, ca_file.c_str()), session, "CA file"));
  if (set(LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS)
    return fail(Errc::Unavailable, "TLS: the CA file " + ca_file + " cannot be used");
  return {};
}

}  // namespace

// Publishes a socket to a Cut while it is in use here.
class SocketScope {
 public:
  SocketScope(Cut& cut, int fd) : cut_(cut) {
    std::lock_guard lock(cut_.mutex_);
    cut_.fd_ = fd;
    if (cut_.cut_) ::shutdown(fd, SHUT_RDWR);
  }
  SocketScope(const SocketScope&) = delete;
  SocketScope& operator=(const SocketScope&) = delete;
  ~SocketScope() {
    std::lock_guard lock(cut_.mutex_);
    cut_.fd_ = -1;
  }

 private:
  Cut& cut_;
};

void Cut::cut() {
  std::lock_guard lock(mutex_);
  cut_ = true;
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

void SessionDeleter::operator()(::ldap* session) const { ldap_unbind_ext_s(session, nullptr, nullptr); }

std::string Server::to_string() const {
  std::string name = host.find(':') != host.npos ? "[" + host + "]" : host;
  return (tls == Tls::Implicit ? "ldaps://" : "ldap://") + name + ":" + std::to_string(port);
}

Result<Server> parse_server(std::string_view url) {
  Server server;
  Error bad(Errc::Invalid, std::string(url) + ": must be ldap://HOST[:PORT] (StartTLS) or ldaps://HOST[:PORT]");
  size_t end = url.find("://");
  std::string scheme = base::lower(url.substr(0, end));
  if (end == url.npos || (scheme != "ldap" && scheme != "ldaps" && scheme != "ldap+plain")) return bad;
  server.tls = scheme == "ldaps" ? Tls::Implicit : scheme == "ldap" ? Tls::StartTls : Tls::None;
  server.port = scheme == "ldaps" ? 636 : 389;
  std::string_view rest = url.substr(end + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view port;
  if (rest.starts_with('[')) {
    size_t close = rest.find(']');
    if (close == rest.npos) return bad;
    port = rest.substr(close + 1);
    rest = rest.substr(1, close - 1);
  } else if (size_t colon = rest.find(':'); colon != rest.npos) {
    port = rest.substr(colon);
    rest = rest.substr(0, colon);
  }
  if (!port.empty()) {
    auto number = base::parse_number<uint16_t>(port.substr(1));
    if (port[0] != ':' || !number || *number == 0) return bad;
    server.port = *number;
  }
  constexpr std::string_view kHostSigns = "-._:";
  bool clean = !rest.empty() && rest.size() <= 253 && std::all_of(rest.begin(), rest.end(), [&](char c) {
    return base::is_alpha(c) || base::is_digit(c) || kHostSigns.find(c) != kHostSigns.npos;
  });
  if (!clean) return bad;
  server.host = rest;
  if (server.tls == Tls::None && !is_loopback(server.host))
    return fail(Errc::Invalid, std::string(url) + ": without TLS only to a loopback address; passwords pass there");
  return server;
}

void init_library() {
  ::setenv("LDAPNOINIT", "1", 1);
  // The library's own first steps are not thread-safe.
  ::ldap* first = nullptr;
  if (ldap_initialize(&first, "ldap://localhost") == LDAP_SUCCESS) ldap_unbind_ext_s(first, nullptr, nullptr);
}

std::string error_text(::ldap* session, int code) {
  std::string out = ldap_err2string(code);
  char* more = nullptr;
  if (session && ldap_get_option(session, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more) == LDAP_OPT_SUCCESS && more) {
    std::string text(more);
    ldap_memfree(more);
    for (char& c : text)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    if (!text.empty()) out += " (" + text.substr(0, 300) + ")";
  }
  return out;
}

Result<Session> open_session(const Server& server, const std::string& ca_file, base::Millis time, Cut& cut) {
  auto late = [&cut](Error error) { return cut.is_cut() ? Error(Errc::Timeout, "no answer in time") : std::move(error); };
  if (cut.is_cut()) return fail(Errc::Timeout, "no answer in time");
  auto connected = connect_any(server, std::chrono::steady_clock::now() + time, cut);
  if (!connected) return late(connected.error());
  Closer socket{*connected};
  // The library's calls that wait want a socket that does.
  BZ_TRY_VOID(set_blocking(socket.fd, true));
  Server plain = server;
  plain.tls = Tls::StartTls;  // as an URL: whether and when TLS begins is decided here
  ::ldap* raw = nullptr;
  int rc = ldap_init_fd(socket.fd, LDAP_PROTO_TCP, plain.to_string().c_str(), &raw);
  if (rc != LDAP_SUCCESS) return fail(Errc::Internal, "ldap_init_fd: " + error_text(nullptr, rc));
  int fd = socket.release();  // the session's now
  Session session(raw);
  SocketScope scope(cut, fd);
  BZ_TRY_VOID(set_options(raw, ca_file, time));
  if (server.tls == Tls::StartTls) rc = ldap_start_tls_s(raw, nullptr, nullptr);
  if (server.tls == Tls::Implicit) rc = ldap_install_tls(raw);
  if (rc != LDAP_SUCCESS) return late(Error(Errc::Unavailable, "TLS: " + error_text(raw, rc)));
  Sockbuf* buffer = nullptr;
  ber_len_t most = kMaxPdu;
  if (ldap_get_option(raw, LDAP_OPT_SOCKBUF, &buffer) != LDAP_OPT_SUCCESS || !buffer ||
      ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most) < 0)
    return fail(Errc::Internal, "no limit for what the server sends");
  BZ_TRY_VOID(set_blocking(fd, false));
  if (cut.is_cut()) return fail(Errc::Timeout, "no answer in time");
  return session;
}

}  // namespace bz::ldap
