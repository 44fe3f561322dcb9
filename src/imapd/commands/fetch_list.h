// FETCH of what lists of messages show (ENVELOPE, the structures, PREVIEW, fields of the message's header) from records as
// they are stored: no decoding, no cache, no coroutine for each message. The first sync of a mailbox reads every record of
// it once; this is its way.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "imap/response.h"
#include "mime/record_view.h"
#include "store/account.h"

namespace bz::imapd {

class FetchList {
 public:
  // nullopt: an item wants more than a record holds, or nothing of it.
  static std::optional<FetchList> of(const std::vector<imap::FetchItem>& items);

  // The record that write() reads until the next open(); its octets are the caller's. false: Account::record() knows more.
  bool open(std::string_view stored);
  // The item with this index; false: as open(), and what was appended is incomplete.
  bool write(imap::FetchWriter& writer, size_t index, const imap::FetchItem& item, bool utf8);
  bool differs_in_utf8() const { return record_->differs_in_utf8(); }

 private:
  bool write_fields(imap::FetchWriter& writer, const mime::FieldNames& names, const imap::FetchItem& item);
  // The octets of the message in `range`, which lies in its header; nullopt: not in one piece here.
  std::optional<std::string_view> octets(mime::Range range) const;

  std::vector<std::optional<mime::FieldNames>> names_;  // by index of item
  store::StoredParts parts_;
  std::optional<mime::RecordView> record_;
  std::vector<mime::Range> fields_;
};

}  // namespace bz::imapd
