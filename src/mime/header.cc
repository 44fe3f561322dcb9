#include "mime/header.h"

#include <algorithm>

#include "base/text.h"

namespace bz::mime {
namespace {

struct Line {
  size_t size;  // without its end
  size_t end;   // offset of the next line
};

// The line at `at`; more than one CR before the LF belongs to the end (seen in mail that was converted twice).
Line line_at(std::string_view bytes, size_t at) {
  size_t lf = bytes.find('\n', at);
  size_t stop = lf == std::string_view::npos ? bytes.size() : lf;
  size_t end = lf == std::string_view::npos ? bytes.size() : lf + 1;
  while (stop > at && bytes[stop - 1] == '\r') --stop;
  return {stop - at, end};
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Length of the field name that starts the line, 0 if it starts none. `colon` gets the offset of the colon.
size_t field_name(std::string_view line, size_t& colon) {
  size_t n = 0;
  while (n < line.size() && static_cast<unsigned char>(line[n]) > ' ' && static_cast<unsigned char>(line[n]) < 127 &&
         line[n] != ':') {
    ++n;
  }
  colon = n;
  while (colon < line.size() && is_blank(line[colon])) ++colon;
  return colon < line.size() && line[colon] == ':' ? n : 0;
}

// A parameter that was wrapped without the blank that makes a continuation, as bounces often quote headers:
// `Content-Type: multipart/mixed;` and `boundary="x"` on the next line.
bool lacks_indent(std::string_view line, std::string_view value_before) {
  size_t colon = 0, last = value_before.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && value_before[last] == ';' && field_name(line, colon) == 0 &&
         line.find('=') != std::string_view::npos;
}

bool is_mbox_line(std::string_view line) { return line.starts_with("From ") || line.starts_with(">From "); }

}  // namespace

HeaderIndex scan_header(std::string_view bytes, const HeaderLimits& limits) {
  HeaderIndex index;
  bool any_field = false, continuing = false;  // continuing: the last line belongs to the last field of the index
  for (size_t at = 0; at < bytes.size();) {
    Line line = line_at(bytes, at);
    if (line.size == 0) {
      at = line.end;
      index.size = at;
      break;
    }
    std::string_view text = bytes.substr(at, line.size);
    size_t colon = 0, name_size = 0;
    bool inside = line.end <= limits.bytes && at <= limits.bytes;
    if (is_blank(text[0]) || (continuing && lacks_indent(text, HeaderIndex::raw_value(index.fields.back(), bytes)))) {
      if (continuing && inside) {
        HeaderField& field = index.fields.back();
        field.value_size = static_cast<uint32_t>(at + line.size - field.value_at);
        field.end = static_cast<uint32_t>(line.end);
      }
    } else if ((name_size = field_name(text, colon)) > 0) {
      any_field = true;
      continuing = inside && index.fields.size() < limits.fields;
      if (continuing) {
        auto u32 = [](size_t n) { return static_cast<uint32_t>(n); };
        index.fields.push_back({u32(at), u32(name_size), u32(at + colon + 1), u32(line.size - colon - 1), u32(line.end)});
      }
      if (!continuing) index.complete = false;
    } else {
      continuing = false;
      if (!any_field && !is_mbox_line(text)) break;  // no header, or none behind the mbox line
      if (text.starts_with("--")) break;             // a boundary; the empty line before it is missing
    }
    if (!inside) index.complete = false;
    at = line.end;
    index.size = at;
  }
  return index;
}

Result<HeaderIndex> scan_header_strict(std::string_view bytes, const HeaderLimits& limits) {
  HeaderIndex index = scan_header(bytes, limits);
  if (index.complete && index.size <= limits.bytes) return index;
  return fail(Errc::Limit, "header of " + std::to_string(index.size) + " octets, " + std::to_string(index.fields.size()) +
                               " fields or more");
}

const HeaderField* HeaderIndex::find(std::string_view wanted, std::string_view block) const {
  for (const HeaderField& field : fields) {
    if (field.name_size == wanted.size() && base::iequals(name(field, block), wanted)) return &field;
  }
  return nullptr;
}

std::optional<std::string> HeaderIndex::value(std::string_view wanted, std::string_view block) const {
  const HeaderField* field = find(wanted, block);
  if (!field) return std::nullopt;
  return unfold(raw_value(*field, block));
}

std::string unfold(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '\r' || c == '\n') {
      size_t next = raw.find_first_not_of("\r\n", i);
      bool folded = next != std::string_view::npos && is_blank(raw[next]);
      if (!folded) out += ' ';
      i = (next == std::string_view::npos ? raw.size() : next) - 1;
    } else {
      out += c == '\0' ? ' ' : c;
    }
  }
  std::string_view trimmed = base::trim(out);
  return std::string(trimmed);
}

std::string header_fields(std::string_view raw_header, const std::vector<std::string>& names, bool negate) {
  HeaderIndex index = scan_header(raw_header, {SIZE_MAX, SIZE_MAX});
  std::string out;
  for (const HeaderField& field : index.fields) {
    std::string_view name = HeaderIndex::name(field, raw_header);
    bool named = std::any_of(names.begin(), names.end(), [&](const auto& n) { return base::iequals(n, name); });
    if (named == negate) continue;
    out += raw_header.substr(field.at, field.end - field.at);
    if (!out.ends_with('\n')) out += "\r\n";
  }
  return out += "\r\n";
}

}  // namespace bz::mime
