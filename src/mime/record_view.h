// A ParsedMessage read where its stored form lies: nothing is decoded that is not asked for, nothing copied, nothing
// allocated. For FETCH of many messages; ParsedMessage::decode() answers everything else and says what is wrong with a
// record. A view of the caller's bytes; any thread.
#pragma once
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "mime/record_names.h"
#include "mime/structure.h"

namespace bz::mime {

// The names of BODY[HEADER.FIELDS (...)] (RFC 3501 section 6.4.5), made ready to be held against the fields of many
// messages.
class FieldNames {
 public:
  FieldNames(const std::vector<std::string>& names, bool negate);
  // `known`: index + 1 in kRecordNames, or 0 and the name in lower case.
  bool wants(uint64_t known, std::string_view name) const {
    return (known != 0 ? known_.test(known - 1) : is_other(name)) != negate_;
  }

 private:
  bool is_other(std::string_view name) const;
  std::bitset<std::size(kRecordNames)> known_;
  std::vector<std::string> others_;  // lower case
  bool negate_;
};

class RecordView {
 public:
  // nullopt: not a form that is read here, or damaged.
  static std::optional<RecordView> open(std::string_view encoded);

  struct Texts {
    std::string_view envelope, bodystructure, body;
  };
  // What a session shows that reads UTF-8 (RFC 6855), or one that does not; the same if !differs_in_utf8().
  const Texts& texts(bool utf8) const { return utf8 && utf8_ ? *utf8_ : texts_; }
  bool differs_in_utf8() const { return utf8_.has_value(); }
  std::optional<std::string_view> preview() const { return preview_; }
  Range header() const { return header_; }  // of the message, with the empty line; lies in the message
  // Where the wanted fields of that header lie, in the order of the message; false: the record is damaged.
  bool fields(const FieldNames& names, std::vector<Range>& out) const;

 private:
  RecordView() = default;
  bool read(base::Reader& in);
  bool read_parts(base::Reader& in);
  uint64_t size_ = 0;
  Texts texts_;
  std::optional<Texts> utf8_;
  std::optional<std::string_view> preview_;
  std::string_view fields_;  // from the first field on
  uint64_t field_count_ = 0;
  Range header_;
};

}  // namespace bz::mime
