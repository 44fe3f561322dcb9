// AppenderImpl: takes a message's octets into a blob while hashing its body, and keeps the first kKeepBytes for the one
// parse. Longer messages are read back for it. Lane only.
#pragma once
#include <memory>
#include <string>

#include "crypto/digest.h"
#include "kv/partition.h"
#include "store/account.h"

namespace bz::store {

inline constexpr size_t kKeepBytes = 1 << 20;

// What the store under the account said, for those who ask the account: a full disk is nobody's quota, and no reason to
// send mail back for good.
inline Error of_store(Error error) {
  if (error.code() != Errc::OverQuota) return error;
  return fail(Errc::Unavailable, "the disk is full: " + error.text());
}

// SHA-256 of the octets after the first empty line (CRLF or LF), wherever the pieces are cut.
class BodyHash {
 public:
  void update(std::string_view bytes);
  std::string finish() { return hash_.finish(); }

 private:
  bool in_body_ = false;
  bool line_empty_ = true;  // the line under way holds nothing but perhaps one CR
  bool cr_ = false;
  crypto::Sha256 hash_;
};

class AppenderImpl final : public Appender {
 public:
  AppenderImpl(std::unique_ptr<kv::BlobWriter> blob, uint64_t limit) : blob_(std::move(blob)), limit_(limit) {}
  Task<Result<void>> write(std::string_view bytes) override;
  void allow_nul() override { nul_allowed_ = true; }
  uint64_t size() const override { return size_; }

  Task<Result<kv::BlobRef>> finish();  // once
  bool has_nul() const { return has_nul_; }
  bool kept_whole() const { return size_ <= kKeepBytes; }
  const std::string& kept() const { return kept_; }  // the whole message, if it is kept
  std::string body_digest() { return hash_.finish(); }

 private:
  std::unique_ptr<kv::BlobWriter> blob_;
  const uint64_t limit_;
  uint64_t size_ = 0;
  bool failed_ = false;
  bool nul_allowed_ = false, has_nul_ = false;
  std::string kept_;
  BodyHash hash_;
};

}  // namespace bz::store
