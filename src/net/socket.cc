// Addresses, listening sockets and outward connections.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/begin_connect.h"
#include "net/channel.h"
#include "net/stream.h"

namespace bz::net {

namespace {
constexpr int kBacklog = 4096;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> to_address(const Endpoint& at) {
  Address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, at.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(at.port);
    out.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, at.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(at.port);
    out.size = sizeof *v6;
  } else {
    return fail(Errc::Invalid, "not a numeric address: " + at.address);
  }
  return out;
}

Endpoint to_endpoint(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.storage.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return {text, ntohs(v4->sin_port)};
  }
  if (address.storage.ss_family == AF_INET6) {
    auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    }
    return {text, ntohs(v6->sin6_port)};
  }
  return {"unix", 0};
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof out.sun_path) {
    return fail(Errc::TooLarge, "a socket's path has at most 107 bytes: " + path);
  }
  std::memcpy(out.sun_path, path.data(), path.size());
  return out;
}

// True when somebody accepts there.
bool alive(const sockaddr_un& address) {
  OwnedFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}
}  // namespace

std::string Endpoint::to_string() const {
  if (address.find(':') != std::string::npos) return "[" + address + "]:" + std::to_string(port);
  return port == 0 ? address : address + ":" + std::to_string(port);
}

Result<Endpoint> peer_of(int fd) {
  Address address;
  address.size = sizeof address.storage;
  if (::getpeername(fd, address.get(), &address.size) < 0) return base::from_errno(errno, "getpeername");
  return to_endpoint(address);
}

bool is_numeric(const std::string& address) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, address.c_str(), bytes) == 1 || inet_pton(AF_INET6, address.c_str(), bytes) == 1;
}

bool is_private(const std::string& address) {
  unsigned char b[16];
  if (inet_pton(AF_INET, address.c_str(), b) == 1) {
    return b[0] == 127 || b[0] == 10 || (b[0] == 172 && b[1] >= 16 && b[1] < 32) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 169 && b[1] == 254);
  }
  if (inet_pton(AF_INET6, address.c_str(), b) != 1) return false;
  in6_addr six;
  std::memcpy(&six, b, sizeof six);
  return IN6_IS_ADDR_LOOPBACK(&six) || (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

Result<Endpoint> local_of(int fd) {
  Address address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.size) < 0) return base::from_errno(errno, "getsockname");
  return to_endpoint(address);
}

Result<std::pair<int, int>> socket_pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
    return base::from_errno(errno, "socketpair");
  }
  return std::pair(fds[0], fds[1]);
}

Result<os::Fd> begin_connect(const Endpoint& to) {
  BZ_TRY(auto address, to_address(to));
  OwnedFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return base::from_errno(errno, "socket");
  int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int rc = ::connect(fd.get(), address.get(), address.size);
  if (rc < 0 && errno != EINPROGRESS && errno != EINTR) return base::from_errno(errno, "connect " + to.to_string());
  return fd;
}

Task<Result<std::unique_ptr<Stream>>> finish_connect(Loop& loop, os::Fd fd, Endpoint to, Deadline deadline) {
  {
    Loop::Watch watch(loop, fd.get(), Loop::Watch::Interest::Both);
    auto wait = watch.writable(deadline);
    auto ready = co_await std::move(wait);
    if (!ready) co_return std::move(ready).error().with_context("connect " + to.to_string());
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return base::from_errno(error, "connect " + to.to_string());
  co_return std::make_unique<Stream>(loop, fd.release());
}

Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Endpoint to, Deadline deadline) {
  BZ_CO_TRY(auto fd, begin_connect(to));
  auto finishing = finish_connect(loop, std::move(fd), std::move(to), deadline);
  auto stream = co_await std::move(finishing);
  co_return std::move(stream);
}

void notice_silence(int fd) {
  const auto set = [fd](int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);  // seconds
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);  // seconds
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);  // milliseconds
}

Result<int> listen_tcp(const Endpoint& at, bool reuse_port) {
  BZ_TRY(auto address, to_address(at));
  OwnedFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return base::from_errno(errno, "socket");
  int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (reuse_port) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (address.storage.ss_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (::bind(fd.get(), address.get(), address.size) < 0 || ::listen(fd.get(), kBacklog) < 0) {
    return base::from_errno(errno, "listen on " + at.to_string());
  }
  return fd.release();
}

Result<int> listen_unix(const std::string& path, unsigned mode) {
  BZ_TRY(auto address, unix_address(path));
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return base::from_errno(errno, "socket");
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return fail(Errc::Exists, "not a socket: " + path);
    if (alive(address)) return fail(Errc::Exists, "somebody listens on " + path);
    ::unlink(path.c_str());
  }
  // The mode is there from the first moment: bind(2) creates the file with what fchmod set on the socket's inode.
  if (::fchmod(fd.get(), mode & 0777) < 0) return base::from_errno(errno, "fchmod " + path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::chmod(path.c_str(), mode & 0777) < 0 || ::listen(fd.get(), kBacklog) < 0) {
    return base::from_errno(errno, "listen on " + path);
  }
  return fd.release();
}

}  // namespace bz::net
