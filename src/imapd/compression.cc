#include "imapd/compression.h"

#include "base/wakeup.h"

namespace bz::imapd {
namespace {
constexpr size_t kRead = 16 * 1024, kWrite = 32 * 1024;
}

Task<Result<size_t>> Compression::read_some(std::span<char> out, net::Deadline deadline) {
  resting_ = false;
  if (has_input()) {
    base::Yield yield(stream_.loop());
    co_await yield;
  } else {
    std::string buffer(kRead, '\0');
    auto read = co_await stream_.read_some(buffer, deadline);
    at_end_ = !read || *read == 0;
    if (at_end_) co_return std::move(read);
    buffer.resize(*read);
    input_ = std::move(buffer);
  }
  std::string_view rest = std::string_view(input_).substr(used_);
  auto got = in_.decompress(rest, out);
  if (!got) co_return std::move(got).error();
  used_ = input_.size() - rest.size();
  more_ = *got == out.size();
  if (rest.empty()) {
    std::string().swap(input_);
    used_ = 0;
  }
  at_end_ = *got == 0 && in_.ended();
  co_return *got;
}

Task<Result<void>> Compression::write_all(std::string_view bytes, net::Deadline deadline) {
  resting_ = false;
  std::string packed;
  while (!bytes.empty()) {
    out_.compress(bytes.substr(0, kWrite), packed);
    bytes.remove_prefix(std::min(bytes.size(), kWrite));
    auto written = co_await stream_.write_all(packed, deadline);
    if (!written) co_return std::move(written);
    packed.clear();
  }
  co_return Result<void>();
}

void Compression::rest() {
  resting_ = true;
  out_.rest();
  if (!has_input()) (void)in_.rest();
}

}  // namespace bz::imapd
