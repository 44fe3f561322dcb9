#include "egress/sent_filing.h"

#include <algorithm>

#include "base/text.h"
#include "egress/login_machine.h"
#include "imap/date.h"

namespace bz::egress {
namespace {

constexpr size_t kMaxLine = 16 << 10, kMaxInput = 4 << 20, kMaxCandidates = 8, kMaxName = 1000;

// What programs call it, most of all first; "&" in other alphabets is modified UTF-7 (RFC 3501 section 5.1.3).
constexpr std::string_view kUsual[] = {"Sent",
                                       "Sent Messages",
                                       "Sent Items",
                                       "Sent Mail",
                                       "Gesendet",
                                       "Gesendete Objekte",
                                       "Gesendete Elemente",
                                       "Enviados",
                                       "Elementos enviados",
                                       "Envoy&AOk-s",
                                       "&AMk-l&AOk-ments envoy&AOk-s",
                                       "Posta inviata",
                                       "Verzonden items"};

std::string_view take_word(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// "... {12}", "... ~{12}": the size of the literal that follows the line.
std::optional<uint64_t> literal_size(std::string_view line) {
  const size_t open = line.rfind('{');
  if (!line.ends_with('}') || open == std::string_view::npos) return std::nullopt;
  return base::parse_number<uint64_t>(line.substr(open + 1, line.size() - open - 2));
}

bool is_quotable(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// A quoted string or an atom at the front of `rest`, which loses it and a space behind it.
std::optional<std::string> take_string(std::string_view& rest) {
  if (!rest.starts_with('"')) {
    std::string_view word = take_word(rest);
    if (word.empty() || word.ends_with('}')) return std::nullopt;
    return std::string(word);
  }
  std::string out;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(std::min(i + 2, rest.size()));
      return out;
    }
    if (rest[i] == '\\' && ++i == rest.size()) break;
    out += rest[i];
  }
  return std::nullopt;
}

bool has_word(std::string_view words, std::string_view word) {
  for (std::string_view each : base::split(words, ' '))
    if (base::iequals(each, word)) return true;
  return false;
}

}  // namespace

SentFiling::SentFiling(SentMessage message, std::string_view capabilities, std::string mailbox)
    : message_(std::move(message)),
      marks_(has_word(capabilities, "SPECIAL-USE")),
      creates_marked_(has_word(capabilities, "CREATE-SPECIAL-USE")),
      configured_(std::move(mailbox)) {
  // Without the extension many servers show the marks all the same.
  send(marks_ ? State::ListMarked : State::List, marks_ ? "LIST (SPECIAL-USE) \"\" \"*\"" : "LIST \"\" \"*\"");
}

void SentFiling::send(State state, std::string_view command) {
  state_ = state;
  tag_ = "S" + std::to_string(++number_);
  out_ += tag_ + " " + std::string(command) + "\r\n";
}

void SentFiling::input(std::string_view bytes) {
  in_ += bytes;
  while (want_ == Want::Input && !in_.empty()) {
    if (literal_ > 0) {
      const size_t taken = static_cast<size_t>(std::min<uint64_t>(literal_, in_.size()));
      literal(std::string_view(in_).substr(0, taken));
      in_.erase(0, taken);
      literal_ -= taken;
      continue;
    }
    const size_t feed = in_.find('\n');
    if (std::min(feed, in_.size()) > kMaxLine) return not_now("a line of the server is too long");
    if (feed == std::string::npos) return;
    received_ += feed;
    if (received_ > kMaxInput) return not_now("the server says too much");
    std::string line = in_.substr(0, feed);
    in_.erase(0, feed + 1);
    if (line.ends_with('\r')) line.pop_back();
    const auto size = literal_size(line);
    const bool data = fragment_ || line.starts_with("* ");
    const bool first = !std::exchange(fragment_, data && size.has_value());
    if (fragment_) {
      literal_ = *size;
      is_body_ = state_ == State::Fetch && base::upper(line).find("BODY[TEXT] ") != std::string::npos;
      if (literal_ == 0) literal({});
    }
    if (first && !fragment_) on_line(line);  // names in literals are not looked at
  }
}

void SentFiling::literal(std::string_view bytes) {
  if (!is_body_) {
    received_ += bytes.size();
    return;
  }
  hash_.update(bytes);
  if (bytes.size() < literal_) return;
  same_ = same_ || hash_.finish() == message_.body_sha256;
  is_body_ = false;
}

void SentFiling::on_line(std::string_view line) {
  if (line.starts_with("* ")) return on_data(line.substr(2));
  if (line == "+" || line.starts_with("+ ")) {
    if (state_ != State::Append || std::exchange(asked_, true)) return not_now("a continuation nobody waits for");
    want_ = Want::Body;
    return;
  }
  std::string_view rest = line;
  if (take_word(rest) == tag_) return on_tagged(rest);
  not_now("not an IMAP response: " + clean_text(line));
}

void SentFiling::on_data(std::string_view rest) {
  const std::string word = base::upper(take_word(rest));
  if (word == "BYE") return not_now("the server says BYE " + clean_text(rest));
  if (word == "LIST") return on_listed(rest);
  if (state_ == State::Fetch && rest.starts_with("FETCH ")) {  // an empty body may come without a literal
    const std::string items = base::upper(rest);
    if (items.find("BODY[TEXT] \"\"") != items.npos || items.find("BODY[TEXT] NIL") != items.npos)
      same_ = same_ || message_.body_sha256 == crypto::sha256("");
  }
  if (word != "SEARCH" || state_ != State::Search) return;
  for (std::string_view number : base::split(rest, ' ')) {
    const auto uid = base::parse_number<uint32_t>(number);
    if (uid && *uid > 0) candidates_.push_back(*uid);
    // The newest ones: a message that was submitted moments ago.
    if (candidates_.size() > kMaxCandidates) candidates_.erase(candidates_.begin());
  }
}

// "(\HasNoChildren \Sent) "/" Sent"
void SentFiling::on_listed(std::string_view rest) {
  const size_t close = rest.find(')');
  if (!rest.starts_with('(') || close == std::string_view::npos) return;
  const std::string_view marks = rest.substr(1, close - 1);
  rest.remove_prefix(std::min(close + 2, rest.size()));
  const auto delimiter = take_string(rest);
  const auto name = delimiter ? take_string(rest) : std::nullopt;
  if (!name || !is_quotable(*name)) return;
  if (delimiter->size() == 1) delimiter_ = delimiter->front();
  if (has_word(marks, "\\Noselect") || has_word(marks, "\\NonExistent")) return;
  size_t rank = SIZE_MAX;
  if (has_word(marks, "\\Sent")) {
    rank = 0;
  } else if (*name == configured_) {
    rank = 1;
  } else if (configured_.empty()) {
    std::string_view last = *name;
    const std::string inbox = std::string("INBOX") + delimiter_;
    if (delimiter_ != 0 && base::istarts_with(last, inbox)) last.remove_prefix(inbox.size());
    const auto usual = std::find_if(std::begin(kUsual), std::end(kUsual), [&](auto n) { return base::iequals(n, last); });
    if (usual != std::end(kUsual)) rank = 2 + static_cast<size_t>(usual - std::begin(kUsual));
  }
  if (rank >= rank_) return;
  rank_ = rank;
  mailbox_ = *name;
}

void SentFiling::on_tagged(std::string_view rest) {
  std::string_view text = rest;
  const bool good = base::iequals(take_word(text), "OK");
  switch (state_) {
    case State::ListMarked:
      if (mailbox_.empty()) return send(State::List, "LIST \"\" \"*\"");
      return examine();
    case State::List:
      if (!good) return not_now("LIST: " + clean_text(rest));
      return mailbox_.empty() ? create() : examine();
    case State::Create:
      // Somewhere personal mailboxes lie below INBOX (Courier, older Cyrus).
      if (!good && created_ == 1 && delimiter_ != 0) return create();
      if (!good) return not_now("no Sent mailbox, and CREATE: " + clean_text(rest));
      return send(State::Subscribe, "SUBSCRIBE " + quoted(mailbox_));
    case State::Subscribe:
      return examine();
    case State::Examine:
      if (!good) return not_now("EXAMINE " + mailbox_ + ": " + clean_text(rest));
      // RFC 3501 section 6.4.4: HEADER finds substrings; the brackets make it the whole.
      return send(State::Search, "UID SEARCH HEADER Message-ID " + quoted(message_.message_id));
    case State::Search:
      // Appended blindly it might be there twice.
      if (!good) return not_now("SEARCH: " + clean_text(rest));
      return fetch_next();
    case State::Fetch:
      if (same_) return end(Filed::Before);
      return fetch_next();
    case State::Append:
      if (!good) return not_now("APPEND to " + mailbox_ + ": " + clean_text(rest));
      return end(Filed::Now);
    case State::Logout:
      return;
  }
}

void SentFiling::create() {
  const std::string name = configured_.empty() ? std::string(kUsual[0]) : configured_;
  mailbox_ = created_++ == 0 ? name : std::string("INBOX") + delimiter_ + name;
  send(State::Create, "CREATE " + quoted(mailbox_) + (creates_marked_ ? " (USE (\\Sent))" : ""));
}

void SentFiling::examine() {
  if (!is_quotable(message_.message_id)) return append();
  send(State::Examine, "EXAMINE " + quoted(mailbox_));
}

void SentFiling::fetch_next() {
  if (candidates_.empty()) return append();
  const uint32_t uid = candidates_.back();
  candidates_.pop_back();
  hash_ = crypto::Sha256();
  send(State::Fetch, "UID FETCH " + std::to_string(uid) + " (BODY.PEEK[TEXT])");
}

// A synchronizing literal, so that a server that does not want it says so before it comes.
void SentFiling::append() {
  std::string date;
  imap::append_date_time(date, {message_.received, 0});
  send(State::Append, "APPEND " + quoted(mailbox_) + " (\\Seen) \"" + date + "\" {" + std::to_string(message_.size) + "}");
}

void SentFiling::body_sent() {
  if (want_ != Want::Body) return;
  out_ += "\r\n";
  want_ = Want::Input;
  input({});
}

void SentFiling::end(Result<Filed> result) {
  result_ = std::move(result);
  send(State::Logout, "LOGOUT");
  want_ = Want::Done;
}

void SentFiling::not_now(std::string_view why) { end(fail(Errc::Unavailable, std::string(why))); }

}  // namespace bz::egress
