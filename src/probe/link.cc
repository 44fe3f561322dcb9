#include "probe/link.h"

#include <array>

namespace bz::probe {
namespace {
constexpr size_t kMaxLine = 16 << 10, kMaxLiteral = 1 << 20, kMaxHeard = 4 << 20;
}

Task<Result<void>> Link::fill() {
  std::array<char, 4096> piece;
  auto got = co_await stream_->read_some(piece, net::Deadline::in(patience_));
  if (!got) co_return std::move(got).error();
  if (*got == 0) co_return fail(Errc::Closed, "the server closed the connection");
  heard_ += *got;
  if (heard_ > kMaxHeard) co_return fail(Errc::TooLarge, "the server says more than 4 MiB");
  input_.append(piece.data(), *got);
  co_return Result<void>();
}

Task<Result<std::string>> Link::line() {
  for (;;) {
    size_t end = input_.find('\n');
    if (end != std::string::npos && end <= kMaxLine) {
      std::string out = input_.substr(0, end);
      input_.erase(0, end + 1);
      if (out.ends_with('\r')) out.pop_back();
      co_return out;
    }
    if (input_.size() > kMaxLine) co_return fail(Errc::TooLarge, "a line over 16 KiB");
    auto more = fill();
    auto filled = co_await std::move(more);
    if (!filled) co_return std::move(filled).error();
  }
}

Task<Result<std::string>> Link::bytes(size_t count) {
  if (count > kMaxLiteral) co_return fail(Errc::TooLarge, "a literal over 1 MiB");
  while (input_.size() < count) {
    auto more = fill();
    auto filled = co_await std::move(more);
    if (!filled) co_return std::move(filled).error();
  }
  std::string out = input_.substr(0, count);
  input_.erase(0, count);
  co_return out;
}

Task<Result<void>> Link::say(std::string text) {
  text += "\r\n";
  auto said = co_await stream_->write_all(text, net::Deadline::in(patience_));
  co_return said;
}

Task<Result<net::TlsInfo>> Link::secure(const crypto::TlsContext& context, std::string host) {
  input_.clear();
  auto handshake = stream_->connect_tls(context, std::move(host), net::Deadline::in(patience_));
  auto done = co_await std::move(handshake);
  co_return done;
}

}  // namespace bz::probe
