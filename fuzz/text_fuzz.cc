// rooms: base mime
// Text: everything that comes out is well-formed UTF-8 or ASCII as promised, encoders and decoders undo one another, and a
// streaming decoder does not care where its pieces were cut.
#include <cstdlib>

#include "base/text.h"
#include "mime/structure.h"
#include "mime/text.h"

using namespace bz;
using namespace bz::mime;

namespace {

void need(bool condition) {
  if (!condition) std::abort();
}

void check_decoder(std::string_view text, Encoding encoding, size_t cut) {
  std::string pieces;
  TransferDecoder decoder(encoding);
  decoder.feed(text.substr(0, cut), pieces);
  decoder.feed(text.substr(cut), pieces);
  decoder.finish(pieces);
  need(pieces == decode_transfer(text, encoding));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr const char* kCharsets[] = {"utf-8",  "iso-2022-jp", "gb18030",  "utf-7",  "shift_jis", "big5",   "hz",
                                       "x-none", "iso-2022-kr", "us-ascii", "utf-16", "euc-kr",    "koi8-r", "scsu"};
  need(base::is_utf8(to_utf8(text, kCharsets[data[0] % std::size(kCharsets)])));
  need(base::is_utf8(decode_header(text)));
  std::string utf8 = guess_utf8(text);
  need(base::is_utf8(utf8) && base::is_utf8(fold(utf8)));
  std::string words = encode_words(text);
  need(base::is_ascii(words) && base::is_ascii(downgrade(text)));
  if (words != utf8) need(decode_header(words) == utf8);
  for (Encoding encoding : {Encoding::Identity, Encoding::QuotedPrintable, Encoding::Base64}) {
    check_decoder(text, encoding, data[0] % size);
  }
  need(decode_transfer(encode_base64_body(text), Encoding::Base64) == text);
  need(base::is_ascii(encode_quoted_body(text)));
  auto type = parse_content_type(text);
  need(!type.type.empty() && !type.subtype.empty());
  auto name = decode_param(type.params, "name");
  need(!name || base::is_utf8(*name));
  return 0;
}
