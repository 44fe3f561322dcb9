#include "net/passing.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace bz::net {
namespace {

union Control {  // of one descriptor, aligned as the kernel wants it
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

// 0, or errno; `size` is what was read.
int try_read(int socket, std::span<char> out, os::Fd& came, size_t& size) {
  iovec part{out.data(), out.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = CMSG_LEN(sizeof(int));  // the padding behind it would hold another one
  ssize_t n;
  do {
    n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(c), sizeof number);
    came = os::Fd(number);
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0) return EPROTO;  // more than one: the kernel has closed the others
  size = static_cast<size_t>(n);
  return 0;
}

}  // namespace

Result<void> send_with(const Stream& stream, std::string_view bytes, int fd) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  for (;;) {
    const ssize_t n = ::sendmsg(stream.fd(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == static_cast<ssize_t>(bytes.size())) return {};
    if (n >= 0 || errno == EAGAIN) return fail(Errc::Limit, "the socket takes no more");
    if (errno != EINTR) return fail(Errc::Closed, std::string("sendmsg: ") + std::strerror(errno));
  }
}

Task<Result<size_t>> read_with(Stream& stream, std::span<char> out, os::Fd& came, Deadline deadline) {
  BZ_CHECK(!stream.is_tls(), "a descriptor cannot come through TLS");
  for (;;) {
    auto waiting = stream.wait_readable(deadline);
    BZ_CO_TRY_VOID(co_await std::move(waiting));
    size_t size = 0;
    const int error = try_read(stream.fd(), out, came, size);
    if (error == 0) co_return size;
    if (error != EAGAIN) co_return fail(Errc::Closed, std::string("recvmsg: ") + std::strerror(error));
  }
}

void hang_up(int socket) { ::shutdown(socket, SHUT_RDWR); }

}  // namespace bz::net
