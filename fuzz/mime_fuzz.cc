// rooms: mime
// A whole message: the tree is in order, every range inside, the IMAP text is ASCII with closed parentheses, and the record
// comes back from its stored form. Then the input as a stored record: decode() refuses it or gives a tree that is safe to
// walk.
#include <cstdlib>

#include "mime/header.h"
#include "mime/preview.h"
#include "mime/record.h"
#include "mime/record_view.h"
#include "mime/text.h"

using namespace bz::mime;

namespace {

void need(bool condition) {
  if (!condition) std::abort();
}

// Parentheses outside strings are balanced and close at the very end only.
void check_imap_text(const std::string& text, bool utf8 = false) {
  int depth = 0;
  need(!utf8 || to_utf8(text, "utf-8") == text);
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    need(c != '\0' && (utf8 || (c & 0x80) == 0));
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        need(text[i] != '\r' && text[i] != '\n' && text[i] != '\0' && (utf8 || (text[i] & 0x80) == 0));
        if (text[i] == '\\') ++i;
      }
      need(i < text.size());
    } else if (c == '{') {
      size_t end = text.find("}\r\n", i);
      need(end != std::string::npos);
      i = end + 2 + std::stoul(text.substr(i + 1, end - i - 1));
      need(i < text.size());
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      need(--depth >= 0 && (depth > 0 || i + 1 == text.size()));
    }
  }
  need(depth == 0);
}

void check_preview(const std::string& text) {
  size_t chars = 0;
  for (const char c : text) {
    need(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    chars += (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }
  need(chars <= kPreviewChars && cut_utf8(text, text.size()) == text && to_utf8(text, "utf-8") == text);
}

void walk(const ParsedMessage& message) {
  for (uint32_t a = 0; a < 4; ++a) {
    for (uint32_t b = 0; b < 4; ++b) {
      for (auto kind :
           {SectionPath::Kind::Whole, SectionPath::Kind::Header, SectionPath::Kind::Text, SectionPath::Kind::Mime}) {
        for (const auto& parts : {std::vector<uint32_t>{}, {a}, {a, b}, {a, b, 1}, {a, 1, b, 1}}) {
          auto range = section(message, {parts, kind});
          need(!range || (range->at <= message.size && range->size <= message.size - range->at));
        }
      }
    }
  }
}

// The fields found by the record are those that reading the header finds.
void check_fields(const ParsedMessage& message, std::string_view raw) {
  const Range header = message.parts[0].header;
  const std::string_view octets = slice(raw, header);
  for (const bool negate : {false, true})
    need(header_fields(octets, header.at, message, {"From", "SUBJECT", "x"}, negate) ==
         header_fields(octets, {"From", "SUBJECT", "x"}, negate));
}

// What is read in place is what decode() gives; the fields lie in the message.
void check_view(const ParsedMessage& message, std::string_view stored) {
  const auto view = RecordView::open(stored);
  need(view.has_value());
  need(view->texts(false).envelope == message.envelope && view->texts(false).bodystructure == message.bodystructure);
  need(view->texts(true).body == (message.utf8 ? message.utf8->body : message.body));
  need(view->preview() == message.preview && view->header() == message.parts[0].header);
  std::vector<Range> fields;
  need(view->fields(FieldNames({}, true), fields) && fields.size() == message.fields.size());
  for (size_t i = 0; i < fields.size(); ++i) need(fields[i] == Range{message.fields[i].at, message.fields[i].size});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view raw(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.depth = 20;
  limits.parts = 200;
  if (auto message = parse_message(raw, limits)) {
    check_fields(*message, raw);
    check_imap_text(message->envelope);
    check_imap_text(message->bodystructure);
    check_imap_text(message->body);
    if (message->utf8)
      for (const std::string* text : {&message->utf8->envelope, &message->utf8->bodystructure, &message->utf8->body})
        check_imap_text(*text, true);
    check_preview(message->preview.value());
    need(message->parts.size() <= limits.parts + 1);
    const std::string stored = message->encode();
    check_view(*message, stored);
    auto again = ParsedMessage::decode(stored);
    need(again.has_value() && *again == *message);
    walk(*message);
  }
  (void)header_fields(raw, {"from", "subject"}, size % 2 == 0);
  if (auto view = RecordView::open(raw)) {
    std::vector<Range> fields;
    (void)view->fields(FieldNames({"from", "x"}, size % 2 == 0), fields);
  }
  if (auto record = ParsedMessage::decode(raw)) {
    walk(*record);
    check_view(*record, raw);
    need(ParsedMessage::decode(record->encode()).value() == *record);
  }
  return 0;
}
