#include "ldap/filter.h"

#include <algorithm>

#include "base/text.h"
#include "directory/entry.h"

namespace bz::ldap {

namespace {

constexpr size_t kMaxTemplate = 2000;

bool is_harmless(char c) {
  constexpr std::string_view kMarks = "-_.@+=,; ";
  return base::is_alpha(c) || base::is_digit(c) || kMarks.find(c) != kMarks.npos;
}

std::string plain_dn(std::string_view dn) {
  std::string out;
  for (size_t i = 0; i < dn.size(); ++i) {
    char c = dn[i];
    if (c == ' ' && (out.empty() || out.back() == ',' || out.back() == '=' || out.back() == '+')) continue;
    if ((c == ',' || c == '=' || c == '+') && !(i > 0 && dn[i - 1] == '\\'))
      while (!out.empty() && out.back() == ' ' && !(out.size() > 1 && out[out.size() - 2] == '\\')) out.pop_back();
    out += base::to_lower(c);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool is_balanced(std::string_view text) {
  int depth = 0;
  for (char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth == 0 && text.starts_with('(') && text.ends_with(')');
}

}  // namespace

std::string escape_filter(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (is_harmless(c)) {
      out += c;
    } else {
      out += "\\" + base::hex(std::string_view(&c, 1));
    }
  }
  return out;
}

std::string escape_dn(std::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    unsigned char byte = static_cast<unsigned char>(c);
    bool edge = (c == ' ' && (i == 0 || i + 1 == value.size())) || (c == '#' && i == 0);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\" + base::hex(std::string_view(&c, 1));
    } else {
      if (edge || std::string_view("\"+,;<>\\=").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

bool same_dn(std::string_view a, std::string_view b) { return plain_dn(a) == plain_dn(b); }

Result<FilterTemplate> FilterTemplate::parse(std::string_view text) {
  if (text.size() > kMaxTemplate) return fail(Errc::Invalid, "a filter has at most 2000 bytes");
  if (!is_balanced(text)) return fail(Errc::Invalid, "the parentheses of the filter do not match: " + std::string(text));
  FilterTemplate out;
  while (!text.empty()) {
    size_t open = text.find('{'), close = text.find('}');
    if (open > close) return fail(Errc::Invalid, "a stray } in the filter");
    if (open != 0) out.pieces_.push_back({Piece::Kind::Text, std::string(text.substr(0, open))});
    if (open == text.npos) break;
    if (close == text.npos) return fail(Errc::Invalid, "a { without } in the filter");
    std::string_view name = text.substr(open + 1, close - open - 1);
    using enum Piece::Kind;
    constexpr std::pair<std::string_view, Piece::Kind> kNames[] = {
        {"user", User}, {"address", Address}, {"local", Local}, {"domain", Domain}};
    auto it = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return n.first == name; });
    if (it == std::end(kNames))
      return fail(Errc::Invalid, "a filter knows {user}, {address}, {local} and {domain}, not {" + std::string(name) + "}");
    out.pieces_.push_back({it->second, {}});
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string FilterTemplate::fill(const Asked& asked) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::Text:
        out += piece.text;
        break;
      case Piece::Kind::User:
        out += escape_filter(asked.user);
        break;
      case Piece::Kind::Address:
        out += escape_filter(asked.address);
        break;
      case Piece::Kind::Local:
        out += escape_filter(directory::local_part(asked.address));
        break;
      case Piece::Kind::Domain:
        out += escape_filter(directory::domain_part(asked.address));
        break;
    }
  }
  return out;
}

}  // namespace bz::ldap
