#include <algorithm>

#include "base/text.h"
#include "mime/seven_bit.h"

namespace bz::mime {
namespace {

constexpr size_t kFoldAt = 76;  // RFC 5322 section 2.1.1: lines should be no longer than 78
constexpr std::string_view kEncodingField = "Content-Transfer-Encoding";

bool is_eight_bit(char c) { return static_cast<unsigned char>(c) >= 0x80; }

std::string without_eight_bit(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), is_eight_bit, '?');
  return out;
}

// "Name: value" in lines that are folded at blanks.
std::string field_of(std::string_view name, std::string_view value) {
  std::string out(name);
  size_t column = out.size() + 1;
  out += ':';
  for (size_t at = 0; at < value.size();) {
    const size_t end = std::min(value.find(' ', at), value.size());
    const auto word = value.substr(at, end - at);
    if (column + 1 + word.size() > kFoldAt && column > name.size() + 1 && !word.empty()) {
      out += "\r\n";
      column = 0;
    }
    out += ' ';
    out += word;
    column += 1 + word.size();
    at = end + 1;
  }
  return out + "\r\n";
}

// A parameter as RFC 2231 section 4 writes what is not ASCII.
std::string parameter(const std::string& name, const std::string& value) {
  std::string out = "; " + name;
  if (base::is_ascii(value)) {
    out += "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  }
  out += "*=utf-8''";
  for (const char c : guess_utf8(value)) {
    if (base::is_alpha(c) || base::is_digit(c) || c == '.' || c == '-' || c == '_') {
      out += c;
    } else {
      out += "%" + base::upper(base::hex(std::string_view(&c, 1)));
    }
  }
  return out;
}

// The value of a field that holds 8-bit, without it. An encoded word must not stand in a parameter (RFC 2047 section 5).
std::string ascii_value(std::string_view name, std::string_view raw) {
  const bool type = base::iequals(name, "Content-Type");
  if (!type && !base::iequals(name, "Content-Disposition")) return downgrade(unfold(raw));
  auto parsed = parse_disposition(raw);
  if (type) {
    auto content_type = parse_content_type(raw);
    parsed = {content_type.type + "/" + content_type.subtype, std::move(content_type.params)};
  }
  std::string out = parsed.token;
  for (const auto& [attribute, value] : parsed.params) out += parameter(attribute, value);
  return out;
}

bool must_relabel(std::string_view encoding) {
  return base::iequals(encoding, "8bit") || base::iequals(encoding, "binary");
}

}  // namespace

void SevenBitWriter::feed(std::string_view bytes, std::string& out) {
  PartWalker::feed(bytes);
  if (!out_.empty()) ends_in_line_end_ = out_.ends_with("\r\n");
  out += out_;
  out_.clear();
}

void SevenBitWriter::finish(std::string& out) {
  PartWalker::finish();
  if (!out_.empty()) ends_in_line_end_ = out_.ends_with("\r\n");
  if (!ends_in_line_end_) out_ += "\r\n";  // base64 that took the last line end in
  out += out_;
  out_.clear();
}

void SevenBitWriter::on_header(const Entity& entity, std::string_view block) {
  std::string_view encoding;
  if (entity.kind == Kind::Leaf) {
    const Leaf leaf = leaf_ < plan_.leaves.size() ? plan_.leaves[leaf_] : Leaf::AsIs;
    column_ = 0;
    encoder_ = TransferEncoder(leaf == Leaf::Quoted   ? Encoding::QuotedPrintable
                               : leaf == Leaf::Base64 ? Encoding::Base64
                                                      : Encoding::Identity);
    if (leaf == Leaf::Quoted) encoding = "quoted-printable";
    if (leaf == Leaf::Base64) encoding = "base64";
  }
  if (encoding.empty() && must_relabel(entity.encoding)) encoding = "7bit";
  if (entity.in_signed || (encoding.empty() && base::is_ascii(block))) {
    out_ += block;
    return;
  }
  put_fields(entity, block, encoding);
}

// `encoding`: the new one; empty: the old one stays.
void SevenBitWriter::put_fields(const Entity& entity, std::string_view block, std::string_view encoding) {
  size_t at = 0;
  bool any_encoding = false;
  for (const auto& field : entity.index.fields) {
    out_ += without_eight_bit(block.substr(at, field.at - at));  // lines that are no fields
    at = field.end;
    const auto whole = block.substr(field.at, field.end - field.at);
    const auto name = HeaderIndex::name(field, block);
    if (!encoding.empty() && base::iequals(name, kEncodingField)) {
      if (!std::exchange(any_encoding, true)) out_ += field_of(kEncodingField, encoding);
    } else if (base::is_ascii(whole)) {
      out_ += whole;
    } else {
      out_ += field_of(without_eight_bit(name), ascii_value(name, HeaderIndex::raw_value(field, block)));
    }
  }
  const auto rest = block.substr(at);  // the empty line, behind more of what is no field
  const size_t empty_line =
      rest.ends_with("\r\n") ? rest.size() - 2 : rest.size() - std::min<size_t>(rest.ends_with('\n'), 1);
  const bool has_empty_line = empty_line < rest.size() && (empty_line == 0 || rest[empty_line - 1] == '\n');
  out_ += without_eight_bit(has_empty_line ? rest.substr(0, empty_line) : rest);
  const bool encoded = encoding == "quoted-printable" || encoding == "base64";
  if (encoded && entity.root) {
    if (!entity.index.find("MIME-Version", block)) out_ += "MIME-Version: 1.0\r\n";
    if (!entity.index.find("Content-Type", block)) out_ += "Content-Type: text/plain; charset=UNKNOWN-8BIT\r\n";
  }
  if (encoded && !any_encoding) out_ += field_of(kEncodingField, encoding);
  if (has_empty_line) {
    out_ += rest.substr(empty_line);
  } else if (encoded) {
    out_ += "\r\n";
  }
}

void SevenBitWriter::on_body(std::string_view bytes) {
  switch (leaf_ < plan_.leaves.size() ? plan_.leaves[leaf_] : Leaf::AsIs) {
    case Leaf::AsIs:
      out_ += bytes;
      return;
    case Leaf::Quoted:
    case Leaf::Base64:
      return encoder_.feed(bytes, out_);
    case Leaf::Escape:
      return escape(bytes);
    case Leaf::DropEight:
      std::copy_if(bytes.begin(), bytes.end(), std::back_inserter(out_), [](char c) { return !is_eight_bit(c); });
      return;
  }
}

void SevenBitWriter::on_leaf_end() {
  encoder_.finish(out_);
  ++leaf_;
}

void SevenBitWriter::on_between(std::string_view bytes, bool in_signed) {
  if (in_signed) {
    out_ += bytes;
  } else {
    out_ += without_eight_bit(bytes);
  }
}

void SevenBitWriter::escape(std::string_view bytes) {
  for (const char c : bytes) {
    if (!is_eight_bit(c)) {
      out_ += c;
      column_ = c == '\n' ? 0 : column_ + 1;
      continue;
    }
    if (column_ + 3 > kFoldAt - 1) {
      out_ += "=\r\n";
      column_ = 0;
    }
    out_ += "=" + base::upper(base::hex(std::string_view(&c, 1)));
    column_ += 3;
  }
}

}  // namespace bz::mime
