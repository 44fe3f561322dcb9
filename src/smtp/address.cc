#include "smtp/address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace bz::smtp {
namespace {

bool is_utf8_byte(char c) { return static_cast<unsigned char>(c) >= 0x80; }

// RFC 5322 3.2.3, with RFC 6531 3.3.
bool is_atext(char c) {
  if (base::is_alpha(c) || base::is_digit(c) || is_utf8_byte(c)) return true;
  return c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_' || is_utf8_byte(c);
  });
}

// Local-part: Dot-string (dots anywhere) or Quoted-string; the value without quoting.
std::optional<std::string> take_local(std::string_view& text) {
  std::string local;
  if (text.starts_with('"')) {
    size_t i = 1;
    for (; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
      if (is_control(text[i])) return std::nullopt;
      local += text[i];
    }
    if (i == text.size() || local.empty()) return std::nullopt;
    text.remove_prefix(i + 1);
  } else {
    size_t i = 0;
    while (i < text.size() && (is_atext(text[i]) || text[i] == '.')) ++i;
    if (i == 0) return std::nullopt;
    local = text.substr(0, i);
    text.remove_prefix(i);
  }
  if (local.size() > kMaxLocal) return std::nullopt;
  return local;
}

// Domain or address literal at the front of `text`, lower case.
std::optional<std::string> take_domain(std::string_view& text) {
  size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  } else {
    while (end < text.size() && text[end] != '>' && text[end] != ':' && text[end] != ',' && text[end] != ' ') ++end;
  }
  const auto domain = text.substr(0, end);
  if (!is_domain(domain) && !is_address_literal(domain)) return std::nullopt;
  text.remove_prefix(end);
  return base::lower(domain);
}

std::optional<Address> take_mailbox(std::string_view& text) {
  auto local = take_local(text);
  if (!local || !base::is_utf8(*local)) return std::nullopt;
  Address address{std::move(*local), {}};
  if (!text.starts_with('@')) {
    if (!base::iequals(address.local, "postmaster")) return std::nullopt;
    return address;
  }
  text.remove_prefix(1);
  auto domain = take_domain(text);
  if (!domain) return std::nullopt;
  address.domain = std::move(*domain);
  return address;
}

// A-d-l ":" (RFC 5321 4.1.2): read and forgotten.
bool drop_route(std::string_view& text) {
  while (text.starts_with('@')) {
    text.remove_prefix(1);
    if (!take_domain(text) || text.empty()) return false;
    const char separator = text.front();
    text.remove_prefix(1);
    if (separator == ':') return true;
    if (separator != ',') return false;
  }
  return false;
}

}  // namespace

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > kMaxDomain || !base::is_utf8(text)) return false;
  const auto labels = base::split(text, '.');
  return std::all_of(labels.begin(), labels.end(), is_label);
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 3 || text.size() > kMaxDomain || text.front() != '[' || text.back() != ']') return false;
  const std::string inner(text.substr(1, text.size() - 2));
  if (inner.find('\0') != std::string::npos) return false;
  in6_addr ignored{};
  if (base::istarts_with(inner, "IPv6:")) return inet_pton(AF_INET6, inner.c_str() + 5, &ignored) == 1;
  return inet_pton(AF_INET, inner.c_str(), &ignored) == 1;
}

bool Address::is_postmaster() const { return base::iequals(local, "postmaster"); }

bool Address::needs_smtputf8() const { return !base::is_ascii(local) || !base::is_ascii(domain); }

std::string Address::to_string() const {
  const bool dots_fine = !local.starts_with('.') && !local.ends_with('.') && local.find("..") == std::string::npos;
  const bool plain = std::all_of(local.begin(), local.end(), [](char c) { return is_atext(c) || c == '.'; });
  std::string out;
  if ((plain && dots_fine && !local.empty()) || is_null()) {
    out = local;
  } else {
    out += '"';
    for (const char c : local) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  if (!domain.empty()) out += "@" + domain;
  return out;
}

Result<Address> parse_address(std::string_view text) {
  if (text.size() > kMaxPath) return fail(Errc::Invalid, "address too long");
  auto address = take_mailbox(text);
  if (!address || !text.empty()) return fail(Errc::Invalid, "not an address");
  return std::move(*address);
}

Result<Address> take_path(std::string_view& text) {
  const auto bad = [](const char* why) { return fail(Errc::Invalid, why); };
  if (!text.starts_with('<')) return bad("a path starts with <");
  text.remove_prefix(1);
  if (text.starts_with('>')) {
    text.remove_prefix(1);
    return Address{};
  }
  const size_t before = text.size();
  if (text.starts_with('@') && !drop_route(text)) return bad("bad source route");
  auto address = take_mailbox(text);
  if (!address || !text.starts_with('>')) return bad("bad mailbox in a path");
  if (before - text.size() > kMaxPath) return bad("path too long");
  text.remove_prefix(1);
  return std::move(*address);
}

std::string to_xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x21 || byte == 0x7f || c == '+' || c == '=') {  // UTF-8 stays: utf-8-addr-unitext, RFC 6533 3
      out += "+" + base::upper(base::hex(std::string_view(&c, 1)));
    } else {
      out += c;
    }
  }
  return out;
}

Result<std::string> from_xtext(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+') {
      const auto digits = text.substr(i + 1, 2);
      const auto byte = digits.size() == 2 ? base::from_hex(digits) : std::nullopt;
      if (!byte) return fail(Errc::Invalid, "bad hexchar in xtext");
      out += *byte;
      i += 2;
    } else if (static_cast<unsigned char>(c) < 0x21 || c == 0x7f || c == '=') {
      return fail(Errc::Invalid, "sign not allowed in xtext");
    } else {
      out += c;  // bytes above 0x7f: RFC 6533 3
    }
  }
  return out;
}

}  // namespace bz::smtp
