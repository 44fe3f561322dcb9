#include "smtp/reply.h"

#include "base/text.h"

namespace bz::smtp {
namespace {

constexpr size_t kMaxSent = 500;  // of text in a line we send
constexpr size_t kMaxLine = 2048, kMaxLines = 128, kMaxText = 64 << 10;

std::string clean(std::string_view line) {
  std::string out(line.substr(0, kMaxSent));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace

std::string_view take_status(std::string_view& text) {
  // class "." subject "." detail, then a space or the end (RFC 3463 2, RFC 2034 4)
  size_t i = 0;
  const auto digits = [&](size_t most) {
    const size_t from = i;
    while (i < text.size() && base::is_digit(text[i])) ++i;
    return i > from && i - from <= most;
  };
  if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return {};
  if (!digits(1) || i == text.size() || text[i++] != '.') return {};
  if (!digits(3) || i == text.size() || text[i++] != '.') return {};
  if (!digits(3) || (i < text.size() && text[i] != ' ')) return {};
  const auto status = text.substr(0, i);
  text.remove_prefix(i);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return status;
}

std::string Reply::encode() const {
  std::string out;
  const auto number = std::to_string(code);
  const auto lines = base::split(text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    out += number;
    out += i + 1 < lines.size() ? '-' : ' ';
    if (!status.empty()) out += status + ' ';
    out += clean(lines[i]);
    out += "\r\n";
  }
  return out;
}

std::string Reply::to_string() const {
  std::string out = std::to_string(code);
  if (!status.empty()) out += ' ' + status;
  if (!text.empty()) out += ' ' + text;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

Result<std::optional<Reply>> ReplyParser::next(std::string_view& input) {
  while (!input.empty()) {
    const size_t end = input.find('\n');
    const auto piece = input.substr(0, end == std::string_view::npos ? input.size() : end + 1);
    if (line_.size() + piece.size() > kMaxLine) return fail(Errc::TooLarge, "reply line too long");
    line_ += piece;
    input.remove_prefix(piece.size());
    if (end == std::string_view::npos) break;
    BZ_TRY(const bool complete, add_line());
    line_.clear();
    if (!complete) continue;
    lines_ = 0;
    return std::optional<Reply>(std::exchange(reply_, {}));
  }
  return std::optional<Reply>();
}

Result<bool> ReplyParser::add_line() {
  if (!line_.ends_with("\r\n")) return fail(Errc::Invalid, "reply line ends in a bare LF");
  std::string_view line(line_);
  line.remove_suffix(2);
  if (line.find('\r') != std::string_view::npos) return fail(Errc::Invalid, "bare CR in a reply");
  const auto code = base::parse_number<uint16_t>(line.substr(0, 3));
  if (line.size() < 3 || !code || *code < 200 || *code > 599) return fail(Errc::Invalid, "not a reply");
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return fail(Errc::Invalid, "not a reply");
  if (lines_ > 0 && *code != reply_.code) return fail(Errc::Invalid, "two codes in one reply");
  const bool more = line.size() > 3 && line[3] == '-';
  line.remove_prefix(std::min<size_t>(4, line.size()));
  if (static_cast<size_t>(++lines_) > kMaxLines) return fail(Errc::TooLarge, "reply of too many lines");
  reply_.code = *code;
  // The class of the status must be that of the code (RFC 2034 4); an EHLO keyword is never taken for one.
  auto rest = line;
  const auto status = take_status(rest);
  if (!status.empty() && status[0] == static_cast<char>('0' + *code / 100)) {
    line = rest;
    if (reply_.status.empty()) reply_.status = status;
  }
  if (lines_ > 1) reply_.text += '\n';
  reply_.text += line;
  if (reply_.text.size() > kMaxText) return fail(Errc::TooLarge, "reply too long");
  return !more;
}

}  // namespace bz::smtp
