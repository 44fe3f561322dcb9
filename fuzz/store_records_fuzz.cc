// rooms: base crypto kv mime imap store
// Records of the mail store as they come from its disk: what is read is written and read again to the same octets. First
// byte: which record. Held besides: UIDs of a page and names of annotations ascend, each once, within their limits.
#include <cstdint>

#include "base/check.h"
#include "store/schema.h"

using namespace bz;
using namespace bz::store;

// `read` gives a Result of what `write` takes.
template <class Read, class Write>
static void keeps(std::string_view bytes, Read read, Write write) {
  auto record = read(bytes);
  if (!record) return;
  const std::string written = write(*record);
  auto again = read(written);
  BZ_CHECK(again && write(*again) == written, "a record changes when it is written again");
}

template <class Record>
static void keeps(std::string_view bytes) {
  keeps(bytes, [](std::string_view b) { return Record::decode(b); }, [](const Record& r) { return r.encode(); });
}

static void page(std::string_view bytes) {
  constexpr uint32_t kPage = 3;
  keeps(bytes, [](std::string_view b) { return decode_page(kPage, b); }, encode_page);
  auto entries = decode_page(kPage, bytes);
  if (!entries) return;
  uint32_t last = 0;
  for (const Entry& entry : *entries) {
    BZ_CHECK(entry.uid > last && entry.uid / kPageUids == kPage, "UIDs of a page ascend within it");
    last = entry.uid;
  }
}

static void annotations(std::string_view bytes) {
  keeps(bytes, decode_annotations, encode_annotations);
  auto noted = decode_annotations(bytes);
  BZ_CHECK(!noted || (!noted->empty() && noted->size() <= kMaxAnnotations), "count of annotations");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 11) {
    case 0:
      annotations(bytes);
      break;
    case 1:
      page(bytes);
      break;
    case 2:
      keeps<Change>(bytes);
      break;
    case 3:
      keeps<MessageRecord>(bytes);
      break;
    case 4:
      keeps(
          bytes, [](std::string_view b) { return MailboxRecord::decode(MailboxId(7), b); },
          [](const MailboxRecord& r) { return r.encode(); });
      break;
    case 5:
      keeps<AccountRecord>(bytes);
      break;
    case 6:
      keeps<FoldRecord>(bytes);
      break;
    case 7:
      keeps(bytes, decode_keywords, encode_keywords);
      break;
    case 8:
      keeps(bytes, decode_references, encode_references);
      break;
    case 9:
      keeps(bytes, decode_url_key, encode_url_key);
      break;
    case 10:
      keeps<Mark>(bytes);
      break;
  }
  return 0;
}
