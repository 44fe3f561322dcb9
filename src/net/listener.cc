// Accepting. When the process is out of descriptors, one kept in reserve lets us accept and close at once: the peer is
// told, and the queue of the kernel does not fill with connections nobody will take. The reserve is a copy of the listening
// descriptor, because a sandboxed role may open nothing.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "net/channel.h"
#include "net/stream.h"

namespace bz::net {

namespace {
constexpr int kAcceptsPerWake = 64;
constexpr int kBacklogTurns = 64;  // with these, as many as the backlog of socket.cc holds
constexpr Millis kRetry{100};
constexpr Millis kLogEvery{1000};
}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& l, int f, std::function<void(int)> accept)
      : loop(l), fd(f), watch(l, f), retry(l, [this] { run(); }), on_accept(std::move(accept)) {
    keep_reserve();
  }

  Loop& loop;
  OwnedFd fd, reserve;
  Loop::Watch watch;
  Loop::Timer retry;
  std::function<void(int)> on_accept;
  MonoTime logged{};
  uint64_t shed = 0;
  bool paused = false, closed = false;

  void keep_reserve() {
    if (!reserve) reserve = OwnedFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  }
  int accept_one() { return ::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }

  void log_shed(const char* why) {
    auto now = std::chrono::steady_clock::now();
    if (now - logged < kLogEvery) return;
    logged = now;
    log::event(log::Warn, "listener.shed").field("connections", shed).field("error", why);
    shed = 0;
  }

  // False: nothing to accept even so; try again a little later.
  bool shed_one(const char* why) {
    reserve.reset();
    OwnedFd connection(accept_one());
    const bool got = static_cast<bool>(connection);
    connection.reset();
    keep_reserve();
    if (got) ++shed;
    log_shed(why);
    return got;
  }

  // True: there may be more at once.
  bool run() {
    auto self = shared_from_this();  // on_accept may destroy the listener
    for (int i = 0; i < kAcceptsPerWake; ++i) {
      if (paused || closed) return false;
      int connection = accept_one();
      if (connection >= 0) {
        int one = 1;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        keep_reserve();
        on_accept(connection);
        continue;
      }
      const int error = errno;
      if (error == EAGAIN) return false;
      if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        if (shed_one(error == EMFILE ? "EMFILE" : error == ENFILE ? "ENFILE" : "ENOMEM")) continue;
        retry.arm(Deadline::in(kRetry));
        return false;
      }
      // The rest are errors of one connection that has gone already (accept(2)).
    }
    retry.arm(Deadline::in(Millis(0)));
    return true;
  }
};

Listener::Listener(Loop& loop, int fd, std::function<void(int)> on_accept)
    : impl_(std::make_shared<Impl>(loop, fd, std::move(on_accept))) {
  impl_->watch.on_ready([impl = impl_.get()](bool readable, bool) {
    if (readable) impl->run();
  });
}

Listener::~Listener() {
  impl_->closed = true;
  impl_->watch.close();
  impl_->retry.cancel();
}

Endpoint Listener::local() const {
  auto at = local_of(impl_->fd.get());
  return at ? *at : Endpoint{};
}

void Listener::pause() { impl_->paused = true; }

void Listener::take_waiting() {
  // A turn takes a share only; who connects faster than we accept must not hold us here.
  for (int turn = 0; turn < kBacklogTurns && !impl_->closed && impl_->run(); ++turn) {
  }
}

void Listener::resume() {
  impl_->paused = false;
  impl_->retry.arm(Deadline::in(Millis(0)));
}

}  // namespace bz::net
