#include "app/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/coding.h"
#include "os/file.h"

namespace bz::app {
namespace {

constexpr size_t kMaxAnswer = 16 << 20;

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return base::from_errno(errno, "asking");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::string> read_exactly(int fd, size_t size) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    ssize_t got = ::read(fd, bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::from_errno(errno, "reading the answer");
    if (got == 0) return fail(Errc::Closed, "no answer came");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

Result<os::Fd> connect_to(const std::string& state) {
  // Through a descriptor, because a socket's path has 107 bytes at most.
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, state));
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return base::from_errno(errno, "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + "/run/control";
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED) return fail(Errc::Unavailable, "buzon is not running in " + state);
  return base::from_errno(errno, "connecting to " + state + "/run/control");
}

}  // namespace

Result<wire::ControlAnswer> ask(const std::string& state, const wire::ControlRequest& request) {
  BZ_TRY(os::Fd fd, connect_to(state));
  std::string record = request.encode(), bytes;
  base::put_be32(bytes, static_cast<uint32_t>(record.size()));
  bytes += record;
  BZ_TRY_VOID(write_all(fd.get(), bytes));
  BZ_TRY(std::string head, read_exactly(fd.get(), 4));
  size_t size = base::get_be32(head.data());
  if (size > kMaxAnswer) return fail(Errc::TooLarge, "the answer is too large");
  BZ_TRY(std::string answer, read_exactly(fd.get(), size));
  return wire::ControlAnswer::decode(answer);
}

}  // namespace bz::app
