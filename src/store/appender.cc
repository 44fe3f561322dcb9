#include "store/appender.h"

namespace bz::store {

void BodyHash::update(std::string_view bytes) {
  size_t at = 0;
  for (; !in_body_ && at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (c == '\n') {
      in_body_ = line_empty_;
      line_empty_ = true;
      cr_ = false;
    } else {
      line_empty_ = line_empty_ && c == '\r' && !cr_;
      cr_ = c == '\r';
    }
  }
  if (in_body_) hash_.update(bytes.substr(at));
}

Task<Result<void>> AppenderImpl::write(std::string_view bytes) {
  if (failed_) co_return fail(Errc::Invalid, "an earlier write failed");
  failed_ = true;  // until it went well
  if (bytes.find('\0') != bytes.npos) {
    if (!nul_allowed_) co_return fail(Errc::Invalid, "the message holds NUL");
    has_nul_ = true;
  }
  if (bytes.size() > limit_ - size_) co_return fail(Errc::TooLarge, "the message is larger than append_limit");
  size_ += bytes.size();
  hash_.update(bytes);
  if (kept_whole())
    kept_.append(bytes);
  else
    kept_ = {};
  auto writing = blob_->write(bytes);
  auto written = co_await writing;
  if (!written) co_return of_store(std::move(written).error());
  failed_ = false;
  co_return Result<void>();
}

Task<Result<kv::BlobRef>> AppenderImpl::finish() {
  if (failed_) co_return fail(Errc::Invalid, "an earlier write failed");
  auto finishing = blob_->finish();
  auto finished = co_await finishing;
  failed_ = true;
  if (!finished) co_return of_store(std::move(finished).error());
  co_return std::move(finished);
}

}  // namespace bz::store
