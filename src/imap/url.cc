#include "imap/url.h"

#include <algorithm>

#include "base/text.h"
#include "imap/date.h"
#include "imap/parse.h"

namespace bz::imap {
namespace {

constexpr size_t kMinToken = 32, kMaxToken = 256;  // hexadecimal digits; RFC 5092 section 11: at least 32

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool is_plain(char c) { return base::is_alpha(c) || base::is_digit(c); }
// Section 11; "%" stands for pct-encoded, decode() checks what follows it.
bool is_achar(char c) { return is_plain(c) || is_one_of(c, "-._~!$'()*+,%&="); }
bool is_bchar(char c) { return is_achar(c) || is_one_of(c, ":@/"); }

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    auto octet = base::from_hex(text.substr(i + 1, 2));
    if (!octet || octet->size() != 1 || octet->front() == '\0') return std::nullopt;
    out += *octet;
    i += 2;
  }
  if (!base::is_utf8(out)) return std::nullopt;
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view url) : url_(url) {}
  bool at_end() const { return at_ == url_.size(); }
  size_t position() const { return at_; }
  bool take(std::string_view word) {  // without case
    if (!base::istarts_with(url_.substr(at_), word)) return false;
    at_ += word.size();
    return true;
  }
  template <class Predicate>
  std::string_view run(Predicate predicate) {
    const size_t from = at_;
    while (at_ < url_.size() && predicate(url_[at_])) ++at_;
    return url_.substr(from, at_ - from);
  }
  std::optional<uint32_t> number() { return base::parse_number<uint32_t>(run(base::is_digit)); }
  std::optional<uint32_t> nz_number() {
    auto n = number();
    return n && *n > 0 ? n : std::nullopt;
  }
  void back(size_t octets) { at_ -= octets; }

 private:
  std::string_view url_;
  size_t at_ = 0;
};

// iserver = [iuserinfo "@"] host [":" port]; iuserinfo = enc-user [iauth] / [enc-user] iauth
std::optional<UrlServer> read_server(Reader& in) {
  UrlServer server;
  const size_t start = in.position();
  std::string_view user = in.run(is_achar);
  const bool auth = in.take(";AUTH=");
  if (auth && in.run(is_achar).empty()) return std::nullopt;
  if (in.take("@")) {
    auto decoded = decode(user);
    if (!decoded || (user.empty() && !auth)) return std::nullopt;
    server.user = std::move(*decoded);
  } else {
    in.back(in.position() - start);
  }
  if (in.take("["))
    server.host = "[" + std::string(in.run([](char c) { return is_plain(c) || is_one_of(c, ":."); })) + "]";
  else
    server.host = in.run([](char c) { return is_plain(c) || is_one_of(c, "-._"); });
  if (server.host.empty() || (server.host.front() == '[' && !in.take("]"))) return std::nullopt;
  if (in.take(":")) {
    auto port = in.number();
    if (!port || *port > 65535) return std::nullopt;
    server.port = static_cast<uint16_t>(*port);
  }
  return server;
}

// Names with such segments must hide them behind percent signs (section 7).
bool has_dot_segment(std::string_view path) {
  const auto segments = base::split(path, '/');
  return std::any_of(segments.begin(), segments.end(), [](std::string_view s) { return s == "." || s == ".."; });
}

// enc-mailbox [";UIDVALIDITY=" nz-number] "/;UID=" nz-number
bool read_message(Reader& in, MessageUrl& url) {
  std::string_view path = in.run(is_bchar);
  if (in.take(";UIDVALIDITY=")) {
    url.uid_validity = in.nz_number();
    if (!url.uid_validity || !in.take("/")) return false;
  } else if (path.ends_with('/')) {
    path.remove_suffix(1);
  } else {
    return false;
  }
  auto name = path.empty() || path.front() == '/' || has_dot_segment(path) ? std::nullopt : decode(path);
  auto uid = name && in.take(";UID=") ? in.nz_number() : std::nullopt;
  if (!uid) return false;
  url.mailbox = base::iequals(*name, "INBOX") ? "INBOX" : std::move(*name);
  url.uid = *uid;
  return true;
}

// [isection] [ipartial]
bool read_part(Reader& in, MessageUrl& url) {
  if (in.take("/;SECTION=")) {
    std::string_view encoded = in.run(is_bchar);
    if (encoded.ends_with('/')) {  // of "/;PARTIAL="
      encoded.remove_suffix(1);
      in.back(1);
    }
    auto text = decode(encoded);
    if (encoded.empty() || !text) return false;
    const std::string section = "[" + *text + "]";
    detail::Parse p(section);
    if (!detail::read_section(p, url.section) || !p.lex.at_end()) return false;
  }
  if (!in.take("/;PARTIAL=")) return true;
  UrlRange range;
  auto offset = in.number();
  if (!offset) return false;
  range.offset = *offset;
  if (in.take(".")) {
    range.count = in.nz_number();
    if (!range.count) return false;
  }
  url.range = range;
  return true;
}

// date-time of RFC 3339 section 5.6; fractions of seconds are cut off.
std::optional<int64_t> read_date_time(Reader& in) {
  auto digits = [&in](size_t count) -> std::optional<int> {
    std::string_view text = in.run(base::is_digit);
    return text.size() == count ? base::parse_number<int>(text) : std::nullopt;
  };
  auto pair = [&](std::string_view before) { return in.take(before) ? digits(2) : std::nullopt; };
  const auto year = digits(4), month = pair("-"), day = pair("-"), hour = pair("T"), minute = pair(":"), second = pair(":");
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*year < 1 || *month < 1 || *month > 12 || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  const Date date{*year, *month, *day};
  if (Date::of_unix(date.days() * 86'400) != date) return std::nullopt;  // 30 February
  if (in.take(".") && in.run(base::is_digit).empty()) return std::nullopt;
  int zone = 0;
  if (!in.take("Z")) {
    const bool west = in.take("-");
    if (!west && !in.take("+")) return std::nullopt;
    const auto hours = digits(2), minutes = pair(":");
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    zone = (*hours * 60 + *minutes) * (west ? -1 : 1);
  }
  return date.days() * 86'400 + *hour * 3600 + *minute * 60 + *second - zone * 60;
}

bool read_access(Reader& in, UrlAuth& auth) {
  using Access = UrlAuth::Access;
  if (in.take("anonymous")) return auth.access = Access::Anonymous, true;
  if (in.take("authuser")) return auth.access = Access::AuthUser, true;
  auth.access = in.take("submit+") ? Access::Submit : Access::User;
  if (auth.access == Access::User && !in.take("user+")) return false;
  std::string_view encoded = in.run(is_achar);
  if (encoded.empty()) return false;
  // "@" may stand in an address that was not encoded: clients write userids as they are.
  std::string whole(encoded);
  if (in.take("@")) whole += "@" + std::string(in.run(is_achar));
  auto user = decode(whole);
  if (!user) return false;
  auth.user = std::move(*user);
  return true;
}

// iurlauth = [";EXPIRE=" date-time] ";URLAUTH=" access [":" uauth-mechanism ":" enc-urlauth]
bool read_auth(Reader& in, MessageUrl& url) {
  UrlAuth auth;
  const bool expires = in.take(";EXPIRE=");
  if (expires) auth.expire = read_date_time(in);
  if (expires && !auth.expire) return false;
  if (!in.take(";URLAUTH=")) return !expires;
  if (!read_access(in, auth)) return false;
  auth.rump = in.position();
  if (in.take(":")) {
    auth.mechanism = base::lower(in.run([](char c) { return is_plain(c) || is_one_of(c, "-."); }));
    if (auth.mechanism.empty() || !in.take(":")) return false;
    auth.token = base::lower(in.run([](char c) { return base::is_digit(c) || is_one_of(base::to_lower(c), "abcdef"); }));
    if (auth.token.size() < kMinToken || auth.token.size() > kMaxToken) return false;
  }
  url.auth = std::move(auth);
  return true;
}

}  // namespace

std::optional<MessageUrl> parse_message_url(std::string_view text) {
  if (text.size() > kMaxUrl) return std::nullopt;
  Reader in(text);
  MessageUrl url;
  if (in.take("imap://")) {
    url.server = read_server(in);
    if (!url.server) return std::nullopt;
  }
  if (!in.take("/") || !read_message(in, url) || !read_part(in, url) || !read_auth(in, url) || !in.at_end())
    return std::nullopt;
  return url;
}

}  // namespace bz::imap
