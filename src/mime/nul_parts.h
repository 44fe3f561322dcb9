// A message that holds NUL, which IMAP's literals cannot carry (RFC 3501 section 4.3.1, RFC 3516 section 6): the parts with
// NUL become base64, everything else keeps its octets. Two passes over a message that need not be in memory:
//
//   NulScan scan; for each piece scan.feed(piece); scan.finish();
//   if (scan.refusal()) say no;
//   NulWriter writer(scan.parts()); for each piece writer.feed(piece, out); writer.finish(out);
//
// Refused, because nothing could undo the change: NUL in headers, boundaries, preambles and epilogues, in parts that say
// they are encoded already, in multiparts that cannot be looked into; and below multipart/signed, where it would break
// the signature. No I/O, any thread; memory: the walker's, and an octet per part.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "mime/part_walker.h"
#include "mime/transfer_encoder.h"

namespace bz::mime {

class NulScan final : private PartWalker {
 public:
  static constexpr size_t kMaxParts = 10'000;
  void feed(std::string_view bytes) { PartWalker::feed(bytes); }
  void finish();
  const char* refusal() const { return refusal_; }           // nullptr: none
  const std::vector<bool>& parts() const { return parts_; }  // leaves in the order of the message: to be encoded

 private:
  void on_header(const Entity& entity, std::string_view block) override;
  void on_body(std::string_view bytes) override;
  void on_leaf_end() override;
  void on_between(std::string_view bytes, bool in_signed) override;
  void refuse(const char* why);
  std::vector<bool> parts_;
  const char* refusal_ = nullptr;
  const char* sealed_ = nullptr;  // why the leaf under way may not be changed
  bool nul_ = false;              // in it
};

class NulWriter final : private PartWalker {
 public:
  // `parts`: of the same message, without refusal.
  explicit NulWriter(std::vector<bool> parts) : parts_(std::move(parts)) {}
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  void on_header(const Entity& entity, std::string_view block) override;
  void on_body(std::string_view bytes) override;
  void on_leaf_end() override;
  void on_between(std::string_view bytes, bool in_signed) override;
  bool encodes() const { return leaf_ < parts_.size() && parts_[leaf_]; }
  std::vector<bool> parts_;
  size_t leaf_ = 0;  // under way, or the next one
  TransferEncoder encoder_{Encoding::Base64};
  std::string out_;
};

}  // namespace bz::mime
