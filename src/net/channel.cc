#include "net/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>

namespace bz::net {

namespace {
constexpr size_t kMaxFds = 8;
constexpr int kMessagesPerWake = 64;  // fairness: then the other descriptors of the loop get their turn

// Room for the ancillary data of kMaxFds descriptors, aligned as the kernel wants it.
union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kMaxFds)];
};

struct Queued {
  std::string bytes;  // type byte and payload
  std::vector<OwnedFd> fds;
};

// 0, or errno. A datagram goes whole or not at all.
int send_one(int fd, const Queued& message) {
  iovec part{const_cast<char*>(message.bytes.data()), message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  if (!message.fds.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * message.fds.size());
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * message.fds.size());
    for (size_t i = 0; i < message.fds.size(); ++i) {
      int number = message.fds[i].get();
      std::memcpy(CMSG_DATA(c) + i * sizeof number, &number, sizeof number);
    }
  }
  for (;;) {
    if (::sendmsg(fd, &header, MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

// Every descriptor the kernel has installed is owned at once: refusing the message then closes them.
std::vector<OwnedFd> take_fds(msghdr& header) {
  std::vector<OwnedFd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number;
      std::memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
      fds.emplace_back(number);
    }
  }
  return fds;
}
}  // namespace

struct Channel::Impl : std::enable_shared_from_this<Channel::Impl> {
  Impl(Loop& l, OwnedFd f, std::function<void(Message)> message, std::function<void(Error)> close)
      : loop(l), fd(std::move(f)), watch(l, fd.get()), on_message(std::move(message)), on_close(std::move(close)) {}

  Loop& loop;
  OwnedFd fd;
  Loop::Watch watch;
  std::function<void(Message)> on_message;
  std::function<void(Error)> on_close;
  std::deque<Queued> queue;
  bool open = true;
  bool deaf = false;  // the peer reads no more; what it said before is still read, then the channel closes
  bool owned = true;  // the Channel still exists: callbacks may run

  void end() {
    open = false;
    watch.close();
    fd.reset();
    queue.clear();
  }
  // on_close never runs inside send() or a callback of the owner's: it may destroy the channel.
  void broken(Error error) {
    if (!open) return;
    end();
    loop.post([self = shared_from_this(), error = std::move(error)] {
      if (self->owned && self->on_close) self->on_close(error);
    });
  }

  Result<Message> receive(bool& again) {
    auto buffer = loop.scratch();
    iovec part{buffer.data(), buffer.size()};
    Control control;
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    ssize_t n;
    do {
      n = ::recvmsg(fd.get(), &header, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
      again = errno == EAGAIN;
      return again ? fail(Errc::Unavailable) : fail(Errc::Closed, std::strerror(errno));
    }
    Message message;
    message.fds = take_fds(header);
    if (n == 0) return fail(Errc::Closed, "the peer closed the channel");
    if ((header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return fail(Errc::Invalid, "a message was cut");
    if (static_cast<size_t>(n) > kMaxPayload + 1) return fail(Errc::TooLarge, "a message is too large");
    message.type = static_cast<uint8_t>(buffer[0]);
    message.payload.assign(buffer.data() + 1, static_cast<size_t>(n) - 1);
    return message;
  }

  void read() {
    auto self = shared_from_this();  // on_message may destroy the channel
    for (int i = 0; i < kMessagesPerWake; ++i) {
      if (!open) return;
      bool again = false;
      auto message = receive(again);
      if (again && deaf) return broken(fail(Errc::Closed, "the peer reads no more"));
      if (again) return;
      if (!message) return broken(std::move(message).error());
      on_message(std::move(*message));
    }
    loop.post([self] {
      if (self->open) self->read();
    });
  }

  void write() {
    while (open && !queue.empty()) {
      int error = send_one(fd.get(), queue.front());
      if (error == EAGAIN) return watch.want_writable();
      if (error == EPIPE || error == ECONNRESET) {
        deaf = true;
        queue.clear();
        return loop.post([self = shared_from_this()] {
          if (self->open) self->read();
        });
      }
      if (error != 0) return broken(fail(Errc::Closed, std::string("sendmsg: ") + std::strerror(error)));
      queue.pop_front();
    }
  }
};

Channel::Channel(Loop& loop, OwnedFd fd, std::function<void(Message)> on_message, std::function<void(Error)> on_close)
    : impl_(std::make_shared<Impl>(loop, std::move(fd), std::move(on_message), std::move(on_close))) {
  impl_->watch.on_ready([impl = impl_.get()](bool readable, bool writable) {
    auto self = impl->shared_from_this();
    if (writable) impl->write();
    if (readable && impl->open) impl->read();
  });
}

Channel::~Channel() {
  impl_->owned = false;
  impl_->end();
}

bool Channel::open() const { return impl_->open && !impl_->deaf; }

Result<void> Channel::send(uint8_t type, std::string_view payload, std::vector<OwnedFd> fds) {
  if (!open()) return fail(Errc::Closed, "the channel is closed");
  if (payload.size() > kMaxPayload || fds.size() > kMaxFds) return fail(Errc::TooLarge, "a message for a channel");
  if (impl_->queue.size() >= kMaxQueued) {
    impl_->broken(fail(Errc::Limit, "the peer does not read its channel"));
    return fail(Errc::Closed, "the peer does not read its channel");
  }
  Queued message{std::string(1, static_cast<char>(type)), std::move(fds)};
  message.bytes += payload;
  impl_->queue.push_back(std::move(message));
  if (impl_->queue.size() == 1) impl_->write();
  if (!open()) return fail(Errc::Closed, "the peer is gone");
  return {};
}

Result<std::pair<OwnedFd, OwnedFd>> Channel::pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
    return base::from_errno(errno, "socketpair");
  }
  return std::pair(OwnedFd(fds[0]), OwnedFd(fds[1]));
}

}  // namespace bz::net
