#include "mime/record_view.h"

#include <gtest/gtest.h>

#include "mime/record.h"

namespace bz::mime {
namespace {

const std::string kMessages[] = {
    "From: a@b.org\r\nSubject: hello\r\nX-Own: 1\r\nDate: Sat, 24 Mar 2007 23:00:00 +0200\r\nReferences: <a@b> "
    "<c@d>\r\n\r\ntext\r\n",
    "Subject: no body, no line end", "\r\nonly a body\r\n", "",
    "Subject: \xC3\xB1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; "
    "charset=utf-8\r\n\r\n"
    "one\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\ntwo\r\n--b--\r\n"};

std::string fields_of(const RecordView& view, std::string_view raw, const std::vector<std::string>& names, bool negate) {
  std::vector<Range> fields;
  EXPECT_TRUE(view.fields(FieldNames(names, negate), fields));
  std::string out;
  for (const Range& field : fields) {
    out += slice(raw, field);
    if (!out.ends_with('\n')) out += "\r\n";
  }
  return out + "\r\n";
}

TEST(RecordView, ReadsWhatDecodeReads) {
  for (const std::string& raw : kMessages) {
    const ParsedMessage message = parse_message(raw).value();
    const std::string stored = message.encode();
    const auto view = RecordView::open(stored);
    ASSERT_TRUE(view.has_value()) << raw;
    EXPECT_EQ(view->texts(false).envelope, message.envelope);
    EXPECT_EQ(view->texts(false).bodystructure, message.bodystructure);
    EXPECT_EQ(view->texts(false).body, message.body);
    EXPECT_EQ(view->texts(true).envelope, message.utf8 ? message.utf8->envelope : message.envelope);
    EXPECT_EQ(view->texts(true).body, message.utf8 ? message.utf8->body : message.body);
    EXPECT_EQ(view->differs_in_utf8(), message.utf8.has_value());
    EXPECT_EQ(view->preview(), message.preview);
    EXPECT_EQ(view->header(), message.parts[0].header);
    const std::string_view header = slice(raw, message.parts[0].header);
    for (const bool negate : {false, true})
      EXPECT_EQ(fields_of(*view, raw, {"SUBJECT", "x-OWN", "to"}, negate),
                header_fields(header, message.parts[0].header.at, message, {"SUBJECT", "x-OWN", "to"}, negate))
          << raw;
  }
}

TEST(RecordView, OfBeforePreviewsHasNone) {
  ParsedMessage message = parse_message(kMessages[0]).value();
  message.preview.reset();
  const std::string stored = message.encode();
  EXPECT_EQ(RecordView::open(stored)->preview(), std::nullopt);
}

TEST(RecordView, RefusesWhatIsCutOrLonger) {
  for (const std::string& raw : kMessages) {
    const std::string stored = parse_message(raw).value().encode();
    for (size_t size = 0; size < stored.size(); ++size) EXPECT_FALSE(RecordView::open(stored.substr(0, size))) << size;
    EXPECT_FALSE(RecordView::open(stored + '\0'));
  }
  std::string newer = parse_message(kMessages[0]).value().encode();
  newer[0] = kWithUtf8 + 1;
  EXPECT_FALSE(RecordView::open(newer));
}

TEST(RecordView, NeverPointsOutsideTheMessage) {
  ParsedMessage message = parse_message(kMessages[0]).value();
  message.fields[1].size = 10'000;
  std::string stored = message.encode();
  std::vector<Range> fields;
  EXPECT_FALSE(RecordView::open(stored)->fields(FieldNames({}, true), fields));
  message.parts[0].header.size = 10'000;
  stored = message.encode();
  EXPECT_FALSE(RecordView::open(stored));
}

}  // namespace
}  // namespace bz::mime
