#include "app/control_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/coding.h"
#include "base/log.h"

namespace bz::app {
namespace {

constexpr size_t kMaxRequest = 48 << 10;
constexpr size_t kMaxWaiting = 64;
constexpr net::Millis kRequestTime{5'000};

bool is_ours(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

Task<Result<std::string>> read_exactly(net::Stream& stream, size_t size, net::Deadline deadline) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    auto got = co_await stream.read_some(std::span<char>(bytes).subspan(done), deadline);
    if (!got) co_return std::move(got).error();
    if (*got == 0) co_return fail(Errc::Closed, "the request is cut short");
    done += *got;
  }
  co_return bytes;
}

Task<Result<wire::ControlRequest>> read_request(net::Stream& stream) {
  net::Deadline deadline = net::Deadline::in(kRequestTime);
  auto head = co_await read_exactly(stream, 4, deadline);
  if (!head) co_return std::move(head).error();
  size_t size = base::get_be32(head->data());
  if (size > kMaxRequest) co_return fail(Errc::TooLarge, "the request is too large");
  auto record = co_await read_exactly(stream, size, deadline);
  if (!record) co_return std::move(record).error();
  co_return wire::ControlRequest::decode(*record);
}

Task<void> write_answer(std::unique_ptr<net::Stream> stream, std::string bytes) {
  net::Deadline deadline = net::Deadline::in(kRequestTime);
  auto written = co_await stream->write_all(bytes, deadline);
  if (!written) log::event(log::Warn, "control_answer_lost").error(written.error());
}

}  // namespace

void ControlReply::answer(const wire::ControlAnswer& answer) {
  std::string record = answer.encode(), bytes;
  base::put_be32(bytes, static_cast<uint32_t>(record.size()));
  bytes += record;
  tasks_.spawn(write_answer(std::move(stream_), std::move(bytes)));
}

Result<net::OwnedFd> ControlReply::give_away() {
  int copy = fcntl(stream_->fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return base::from_errno(errno, "passing a control connection on");
  stream_.reset();
  return net::OwnedFd(copy);
}

ControlSocket::ControlSocket(net::Loop& loop, int fd, Handler handler)
    : loop_(loop), handler_(std::move(handler)), tasks_(loop), listener_(loop, fd, [this](int connection) {
        auto stream = std::make_unique<net::Stream>(loop_, connection);
        if (is_ours(connection) && tasks_.size() < kMaxWaiting) tasks_.spawn(serve(std::move(stream)));
      }) {}

Task<void> ControlSocket::serve(std::unique_ptr<net::Stream> stream) {
  auto request = co_await read_request(*stream);
  ControlReply reply(tasks_, std::move(stream));
  if (request) {
    handler_(std::move(*request), std::move(reply));
  } else {
    reply.answer({2, {}, request.error().text() + "\n"});
  }
}

}  // namespace bz::app
