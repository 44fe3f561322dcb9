// A message with 8-bit content for a server without 8BITMIME (RFC 6152 section 3): a gateway conversion to 7-bit MIME, part
// by part, in two passes over a message that need not be in memory:
//
//   SevenBitScan scan; for each piece scan.feed(piece); scan.finish();
//   if (scan.refusal()) bounce;
//   SevenBitWriter writer(scan.plan()); for each piece writer.feed(piece, out); writer.finish(out);
//
// What becomes of it, decided as Postfix does unless said otherwise:
// - A leaf with 8-bit octets becomes quoted-printable or base64, whichever is shorter; its decoded octets stay the same. In
//   one that says it is encoded already, stray octets are escaped (quoted-printable) or dropped (base64: nobody reads
//   them).
// - Labels "8bit" and "binary" become "7bit" where the content is. A message that is no MIME gets the fields of RFC 1428
//   section 3, charset UNKNOWN-8BIT.
// - Raw 8-bit in header fields becomes encoded words (such fields are allowed to nobody without SMTPUTF8); in preambles and
//   epilogues, which nobody shows, "?".
// - DKIM signatures over the body no longer verify. RFC 6376 section 5.3 has told signers to convert first.
// - Refused: 8-bit below multipart/signed, which must reach the reader as it was signed (RFC 1847 section 2.1; RFC 3156
//   section 3 demands 7-bit there) - Postfix breaks the signature, we tell the sender; and where no encoding is allowed:
//   message/partial, message/external-body (RFC 2046 section 5.2), unknown encodings, multiparts that cannot be looked
//   into.
// No I/O, any thread; memory: the walker's, and an octet per part.
#pragma once
#include <optional>

#include "mime/part_walker.h"
#include "mime/transfer_encoder.h"

namespace bz::mime {

struct SevenBitPlan {
  enum class Leaf : uint8_t {
    AsIs,       // it is 7-bit
    Quoted,     // to be encoded
    Base64,     //
    Escape,     // quoted-printable with raw octets in it
    DropEight,  // base64 with raw octets in it
  };
  std::vector<Leaf> leaves;  // in the order of the message
};

class SevenBitScan final : private PartWalker {
 public:
  static constexpr size_t kMaxLeaves = 10'000;
  void feed(std::string_view bytes) { PartWalker::feed(bytes); }
  void finish();
  // Why it cannot be converted, for the sender.
  const std::optional<std::string>& refusal() const { return refusal_; }
  bool header_has_eight_bit() const { return header_has_eight_bit_; }  // also of parts and messages inside
  const SevenBitPlan& plan() const { return plan_; }

 private:
  void on_header(const Entity& entity, std::string_view block) override;
  void on_body(std::string_view bytes) override;
  void on_leaf_end() override;
  void on_between(std::string_view bytes, bool in_signed) override;
  void refuse(const char* why);
  SevenBitPlan plan_;
  std::optional<std::string> refusal_;
  bool header_has_eight_bit_ = false;
  Encoding encoding_ = Encoding::Identity;  // of the leaf under way
  const char* sealed_ = nullptr;            // why it may not be changed
  uint64_t octets_ = 0, eight_bit_ = 0;
};

class SevenBitWriter final : private PartWalker {
 public:
  // `plan`: of the same message, without refusal.
  explicit SevenBitWriter(SevenBitPlan plan) : plan_(std::move(plan)) {}
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  using Leaf = SevenBitPlan::Leaf;
  void on_header(const Entity& entity, std::string_view block) override;
  void on_body(std::string_view bytes) override;
  void on_leaf_end() override;
  void on_between(std::string_view bytes, bool in_signed) override;
  void put_fields(const Entity& entity, std::string_view block, std::string_view encoding);
  void escape(std::string_view bytes);
  SevenBitPlan plan_;
  size_t leaf_ = 0;  // under way, or the next one
  TransferEncoder encoder_{Encoding::Identity};
  size_t column_ = 0;  // Leaf::Escape
  std::string out_;
  bool ends_in_line_end_ = true;
};

}  // namespace bz::mime
