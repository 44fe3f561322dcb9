#include "base/coding.h"
#include "base/log.h"
#include "net/stream.h"
#include "roles/role.h"

namespace bz::roles {
namespace {

constexpr net::Millis kAnswerTime{10'000};

Task<void> write_answer(std::unique_ptr<net::Stream> stream, std::string bytes) {
  net::Deadline deadline = net::Deadline::in(kAnswerTime);
  auto written = co_await stream->write_all(bytes, deadline);
  if (!written) {
    log::event(log::Warn, "control_answer_lost").error(written.error());
    co_return;
  }
  auto ended = co_await stream->shutdown(deadline);
  if (!ended) log::event(log::Debug, "control_shutdown").error(ended.error());
}

}  // namespace

ControlCall::ControlCall(net::TaskGroup& tasks, net::Loop& loop, wire::ControlRequest request, net::OwnedFd connection)
    : tasks_(tasks), loop_(loop), request_(std::move(request)), connection_(std::move(connection)) {}

ControlCall::~ControlCall() {
  if (connection_) answer({1, {}, "the role did not answer\n"});
}

void ControlCall::answer(wire::ControlAnswer answer) {
  BZ_CHECK(static_cast<bool>(connection_), "a control call is answered once");
  std::string record = answer.encode(), bytes;
  base::put_be32(bytes, static_cast<uint32_t>(record.size()));
  bytes += record;
  tasks_.spawn(write_answer(std::make_unique<net::Stream>(loop_, connection_.release()), std::move(bytes)));
}

}  // namespace bz::roles
