#include "roles/inner_link.h"

namespace bz::roles {
namespace {

constexpr net::Millis kBeat{2'000}, kSilence{8'000};
constexpr size_t kRead = 16 << 10;

}  // namespace

std::string_view name(InnerTarget target) {
  switch (target) {
    case InnerTarget::Auth:
      return "auth";
    case InnerTarget::Mailstore:
      return "mailstore";
    case InnerTarget::Mta:
      return "mta";
    case InnerTarget::Egress:
      return "egress";
  }
  return "";
}

std::optional<InnerTarget> inner_target(std::string_view role) {
  for (InnerTarget target : kInnerTargets) {
    if (name(target) == role) return target;
  }
  return std::nullopt;
}

InnerLink::InnerLink(std::unique_ptr<net::Stream> stream, Take take)
    : stream_(std::move(stream)),
      take_(std::move(take)),
      beat_(stream_->loop(), [this] { beat(); }),
      writer_(stream_->loop()) {}

Task<Error> InnerLink::run() {
  beat();
  std::string buffer(kRead, '\0');
  for (;;) {
    auto reading = stream_->read_some(buffer, net::Deadline::in(kSilence));
    auto got = co_await std::move(reading);
    if (!got) {
      close();
      co_return std::move(got).error();
    }
    if (*got == 0) {
      close();
      co_return fail(Errc::Closed, "the other side has ended");
    }
    reader_.feed(std::string_view(buffer).substr(0, *got));
    auto taken = take_frames();
    if (!taken) {
      close();
      co_return std::move(taken).error();
    }
  }
}

Result<void> InnerLink::take_frames() {
  while (!closed_) {
    BZ_TRY(auto frame, reader_.next());
    if (!frame) return {};
    if (frame->type == static_cast<uint8_t>(wire::Type::Ping)) continue;
    BZ_TRY_VOID(take_(std::move(*frame)));
  }
  return fail(Errc::Closed, "closed");
}

void InnerLink::send(wire::Type type, std::string_view payload) {
  if (closed_) return;
  out_ += wire::encode_frame(static_cast<uint8_t>(type), payload);
  if (out_.size() > kMaxQueued) return close();
  if (std::exchange(writing_, true)) return;
  writer_.spawn(write_out());
}

Task<void> InnerLink::write_out() {
  while (!out_.empty() && !closed_) {
    const std::string bytes = std::exchange(out_, {});
    auto writing = stream_->write_all(bytes, net::Deadline::in(kSilence));
    auto written = co_await std::move(writing);
    if (!written) close();
  }
  writing_ = false;
}

void InnerLink::beat() {
  if (closed_) return;
  send(wire::Type::Ping, {});
  beat_.arm(net::Deadline::in(kBeat));
}

void InnerLink::close() {
  if (std::exchange(closed_, true)) return;
  beat_.cancel();
  stream_->close();
}

}  // namespace bz::roles
