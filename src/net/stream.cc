#include "net/stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/stream_impl.h"

namespace bz::net {

namespace {
constexpr size_t kSharePerTurn = 512 << 10;
constexpr size_t kOperation = 1 << 10;
using Direction = Loop::Watch::Direction;

Error closed_here() { return fail(Errc::Closed, "closed here"); }
Direction direction_of(Io io) { return io == Io::WantRead ? Direction::Read : Direction::Write; }
}  // namespace

Stream::Impl::Impl(Loop& loop, int socket) : fd(socket) {
  if (socket < 0) {
    closed = true;
    return;
  }
  int flags = fcntl(socket, F_GETFL);
  if ((flags & O_NONBLOCK) == 0) fcntl(socket, F_SETFL, flags | O_NONBLOCK);
  watch.emplace(loop, socket);
}

Stream::Impl::~Impl() { close(); }

void Stream::Impl::close() {
  closed = true;
  if (splice != nullptr) tell_closed(*splice);
  if (watch) watch->close();
  if (ssl != nullptr) free_ssl(std::exchange(ssl, nullptr));
  fd.reset();
}

Io Stream::Impl::failed(int number, const char* what) {
  // A peer that has gone is Closed, whatever the kernel calls it.
  const bool gone = number == ECONNRESET || number == EPIPE || number == ENOTCONN;
  error = std::make_unique<Error>(gone ? fail(Errc::Closed, what) : base::from_errno(number, what));
  return Io::Failed;
}

Io Stream::Impl::try_read(std::span<char> out, size_t& moved) {
  if (ssl != nullptr) return tls_read(out, moved);
  for (;;) {
    ssize_t n = ::recv(fd.get(), out.data(), out.size(), 0);
    if (n > 0) {
      moved = static_cast<size_t>(n);
      return Io::Done;
    }
    if (n == 0) return Io::End;
    if (errno == EAGAIN) return Io::WantRead;
    if (errno != EINTR) return failed(errno, "recv");
  }
}

Io Stream::Impl::try_write(std::string_view bytes, size_t& moved) {
  if (ssl != nullptr) return tls_write(bytes, moved);
  for (;;) {
    ssize_t n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      moved = static_cast<size_t>(n);
      return Io::Done;
    }
    if (errno == EAGAIN) return Io::WantWrite;
    if (errno != EINTR) return failed(errno, "send");
  }
}

Io Stream::Impl::try_peek(char* byte) {
  if (ssl != nullptr && tls_pending()) return Io::Done;
  for (;;) {
    ssize_t n = ::recv(fd.get(), byte, 1, MSG_PEEK);
    if (n > 0) return Io::Done;
    if (n == 0) return Io::End;
    if (errno == EAGAIN) return Io::WantRead;
    if (errno != EINTR) return failed(errno, "recv");
  }
}

bool Stream::Impl::spent(Loop& loop, size_t moved) {
  if (turn != loop.turn()) {
    turn = loop.turn();
    share = 0;
  }
  share += static_cast<uint32_t>(std::min(std::max(moved, kOperation), kSharePerTurn));
  return share > kSharePerTurn;
}

Stream::Stream(Loop& loop, int fd) : loop_(loop), impl_(std::make_unique<Impl>(loop, fd)) {}
Stream::~Stream() = default;
int Stream::fd() const { return impl_->fd.get(); }
bool Stream::is_tls() const { return impl_->ssl != nullptr; }
void Stream::close() { impl_->close(); }

const TlsInfo& Stream::tls() const {
  static const TlsInfo none;
  return impl_->info ? *impl_->info : none;
}

Task<Result<void>> Stream::wait_readable(Deadline deadline) {
  for (;;) {
    if (impl_->closed) co_return closed_here();
    char byte;
    if (impl_->try_peek(&byte) != Io::WantRead) co_return Result<void>();  // an error shows itself to the read
    Loop::Watch::Ready ready(*impl_->watch, Direction::Read, deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
}

Task<Result<char>> Stream::peek_byte(Deadline deadline) {
  for (;;) {
    if (impl_->closed) co_return closed_here();
    BZ_CHECK(impl_->ssl == nullptr, "peek_byte is for plain streams");
    char byte = 0;
    Io io = impl_->try_peek(&byte);
    if (io == Io::Done) co_return byte;
    if (io == Io::End) co_return fail(Errc::Closed, "the peer ended before the first byte");
    if (io == Io::Failed) co_return std::move(*impl_->error);
    Loop::Watch::Ready ready(*impl_->watch, Direction::Read, deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
}

Task<Result<size_t>> Stream::read_some(std::span<char> out, Deadline deadline) {
  if (out.empty()) co_return fail(Errc::Invalid, "a read into nothing");
  for (;;) {
    if (impl_->closed) co_return closed_here();
    size_t moved = 0;
    Io io = impl_->try_read(out, moved);
    if (io == Io::Failed) co_return std::move(*impl_->error);
    if (io == Io::End) co_return size_t{0};
    if (io == Io::Done) {
      if (impl_->spent(loop_, moved)) {
        auto yield = loop_.sleep(Deadline::in(Millis(0)));
        co_await std::move(yield);
      }
      co_return moved;
    }
    Loop::Watch::Ready ready(*impl_->watch, direction_of(io), deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
}

Task<Result<void>> Stream::write_all(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (impl_->closed) co_return closed_here();
    size_t moved = 0;
    Io io = impl_->try_write(bytes, moved);
    if (io == Io::Failed) co_return std::move(*impl_->error);
    if (io == Io::Done) {
      bytes.remove_prefix(moved);
      if (impl_->spent(loop_, moved)) {
        auto yield = loop_.sleep(Deadline::in(Millis(0)));
        co_await std::move(yield);
      }
      continue;
    }
    Loop::Watch::Ready ready(*impl_->watch, direction_of(io), deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
  co_return Result<void>();
}

Task<Result<void>> Stream::shutdown(Deadline deadline) {
  for (;;) {
    if (impl_->closed) co_return closed_here();
    Io io = impl_->try_shutdown();
    if (io == Io::Failed) co_return std::move(*impl_->error);
    if (io == Io::Done) co_return Result<void>();
    Loop::Watch::Ready ready(*impl_->watch, direction_of(io), deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
}

}  // namespace bz::net
