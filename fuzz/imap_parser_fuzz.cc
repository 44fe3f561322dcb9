// rooms: imap
// One command parsed; what it holds is encoded again, so that the encoder meets hostile text, too. Mailbox names must come
// back.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "imap/append.h"
#include "imap/mutf7.h"
#include "imap/parser.h"
#include "imap/response.h"

using namespace bz::imap;

namespace {
void check(const Select& c) {
  auto back = decode_mutf7(encode_mutf7(c.mailbox));
  BZ_CHECK(back == c.mailbox, "a mailbox name did not come back");
  std::string out;
  list_response(out, "LIST", {.mailbox = c.mailbox});
  BZ_CHECK(out.ends_with("\r\n"), "no line end");
}
void check(const Search& c) { BZ_CHECK(c.key.depth() <= kMaxSearchDepth, "search deeper than promised"); }
void check(const Fetch& c) {
  BZ_CHECK(!c.items.empty(), "FETCH of nothing");
  std::string out;
  FetchWriter w(out, 1);
  for (const FetchItem& item : c.items)
    if (item.kind == FetchItem::Kind::Section) w.item(item).encoder().string("x");
  w.end();
  (void)c.set.resolve(100);
}
template <class Other>
void check(const Other&) {}

// An APPEND whose literals are cut out: pieces of text, each of whose last line may announce octets.
void check_append(std::string_view text, bool utf8) {
  AppendReader reader(utf8);
  for (size_t at = 0; at < text.size();) {
    const size_t marker = text.find("}\r\n", at);
    const bool literal = marker != std::string_view::npos;
    const std::string_view piece = text.substr(at, literal ? marker + 1 - at : marker);
    if (reader.read(piece, literal) != AppendReader::Outcome::Steps) break;
    for (const AppendStep& step : reader.steps())
      BZ_CHECK(step.kind != AppendStep::Kind::Literal || literal, "a literal that was not announced");
    at = literal ? marker + 3 : text.size();
  }
  BZ_CHECK(bz::base::is_ascii(reader.tag()), "a tag with 8-bit octets");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ParsedCommand parsed = parse_command(text);
  BZ_CHECK(bz::base::is_ascii(parsed.tag), "a tag with 8-bit octets");
  if (const Command* command = parsed.command()) std::visit([](const auto& c) { check(c); }, *command);
  std::string out;
  tagged(out, parsed.tag, Condition::Bad, "", parsed.error() ? parsed.error()->text : "ok");
  BZ_CHECK(out.find('\n') == out.size() - 1, "one response, one line");
  check_append(text, false);
  check_append(text, true);
  const ParsedCommand utf8 = parse_command(text, true);
  if (const Command* command = utf8.command())
    if (const auto* select = std::get_if<Select>(command))
      BZ_CHECK(bz::base::is_utf8(select->mailbox), "a name that is not UTF-8");
  Encoder(out).string(text);
  if (auto name = decode_mutf7(text)) BZ_CHECK(encode_mutf7(*name) == text, "two encodings of one name");
  return 0;
}
