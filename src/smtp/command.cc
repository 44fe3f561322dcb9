#include "smtp/command.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "smtp/lmtp_ext.h"
#include "smtp/replies.h"

namespace bz::smtp {
namespace {

constexpr std::array<std::string_view, kVerbs> kVerbNames = {"HELO", "EHLO",     "LHLO", "MAIL", "RCPT", "DATA",
                                                             "BDAT", "RSET",     "NOOP", "QUIT", "VRFY", "EXPN",
                                                             "HELP", "STARTTLS", "AUTH", ""};
constexpr size_t kMaxEnvid = 100, kMaxOrcpt = 500;  // RFC 3461 4.4, 4.2
constexpr size_t kMaxParameters = 16;

Verb find_verb(std::string_view word) {
  for (size_t i = 0; i + 1 < kVerbs; ++i) {
    if (base::iequals(word, kVerbNames[i])) return static_cast<Verb>(i);
  }
  return Verb::Unknown;
}

Command refused(Verb verb, const FixedReply& reply) {
  Command command;
  command.verb = verb;
  command.refusal = Reply(reply);
  return command;
}

// ---- parameters of MAIL and RCPT

struct Parameter {
  std::string_view keyword, value;
  bool has_value = false;
};

// esmtp-keyword (RFC 5321 4.1.2)
bool is_keyword(std::string_view text) {
  if (text.empty() || (!base::is_alpha(text[0]) && !base::is_digit(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return base::is_alpha(c) || base::is_digit(c) || c == '-'; });
}

// esmtp-value; bytes above 0x7f by RFC 6531 3.3
bool is_value(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '=';
  });
}

// Behind the path: *(SP parameter). nullptr and `out`, or the refusal.
const FixedReply* split_parameters(std::string_view rest, std::vector<Parameter>& out) {
  if (!rest.empty() && rest.front() != ' ') return &replies::kBadArguments;
  for (const auto word : base::split(rest, ' ')) {
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    Parameter parameter{word.substr(0, equals), {}, equals != std::string_view::npos};
    if (parameter.has_value) parameter.value = word.substr(equals + 1);
    if (!is_keyword(parameter.keyword)) return &replies::kBadArguments;
    if (parameter.has_value && !is_value(parameter.value)) return &replies::kBadParameter;
    for (const auto& other : out) {
      if (base::iequals(other.keyword, parameter.keyword)) return &replies::kDuplicateParameter;
    }
    if (out.size() == kMaxParameters) return &replies::kBadArguments;
    out.push_back(parameter);
  }
  return nullptr;
}

using Refusal = const FixedReply*;
constexpr Refusal kFine = nullptr;
constexpr Refusal kBad = &replies::kBadParameter;
constexpr Refusal kUnknown = &replies::kUnknownParameter;

Refusal mail_size(std::string_view value, MailFrom& mail) {
  if (value.size() > 20) return kBad;  // RFC 1870 3
  mail.size = base::parse_number<uint64_t>(value);
  return mail.size ? kFine : kBad;
}

Refusal mail_body(std::string_view value, MailFrom& mail) {
  if (base::iequals(value, "7BIT")) {
    mail.body = BodyType::SevenBit;
  } else if (base::iequals(value, "8BITMIME")) {
    mail.body = BodyType::EightBitMime;
  } else {
    return kUnknown;  // BINARYMIME is not offered
  }
  return kFine;
}

Refusal mail_ret(std::string_view value, MailFrom& mail) {
  if (base::iequals(value, "FULL")) {
    mail.ret = Ret::Full;
  } else if (base::iequals(value, "HDRS")) {
    mail.ret = Ret::Headers;
  } else {
    return kBad;
  }
  return kFine;
}

Refusal mail_envid(std::string_view value, MailFrom& mail) {
  auto envid = from_xtext(value);
  if (!envid || envid->size() > kMaxEnvid) return kBad;
  // RFC 3461 4.4: printable; it goes into a header of the notification.
  const auto printable = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  };
  if (!std::all_of(envid->begin(), envid->end(), printable)) return kBad;
  mail.envid = std::move(*envid);
  return kFine;
}

// A queue id or session id (lmtp_ext.h).
Refusal take_id(std::string_view value, std::string& id) {
  const auto fine = [](char c) { return base::is_alpha(c) || base::is_digit(c); };
  if (value.size() > kMaxQueueId || !std::all_of(value.begin(), value.end(), fine)) return kBad;
  id = value;
  return kFine;
}

Refusal mail_parameter(const Parameter& p, const CommandRules& rules, MailFrom& mail) {
  const auto is = [&](std::string_view keyword) { return base::iequals(p.keyword, keyword); };
  if (is("SMTPUTF8") && rules.smtputf8) {
    mail.smtputf8 = true;
    return p.has_value ? kBad : kFine;
  }
  if (!p.has_value) return is("SIZE") || is("BODY") || is("AUTH") ? kBad : kUnknown;
  if (is("SIZE")) return mail_size(p.value, mail);
  if (is("BODY")) return mail_body(p.value, mail);
  if (is("RET") && rules.dsn) return mail_ret(p.value, mail);
  if (is("ENVID") && rules.dsn) return mail_envid(p.value, mail);
  if (is(kParamQueueId) && rules.buzon) return take_id(p.value, mail.queue_id);
  if (is(kParamSession) && rules.buzon) return take_id(p.value, mail.session);
  if (is("AUTH")) {  // RFC 4954 5
    auto identity = from_xtext(p.value);
    if (!identity) return kBad;
    mail.auth = std::move(*identity);
    return kFine;
  }
  return kUnknown;
}

Refusal rcpt_notify(std::string_view value, RcptTo& rcpt) {
  for (const auto word : base::split(value, ',')) {
    uint8_t bit = 0;
    if (base::iequals(word, "SUCCESS")) bit = Notify::kSuccess;
    if (base::iequals(word, "FAILURE")) bit = Notify::kFailure;
    if (base::iequals(word, "DELAY")) bit = Notify::kDelay;
    if (base::iequals(word, "NEVER")) bit = Notify::kNever;
    if (bit == 0 || (rcpt.notify.bits & bit) != 0) return kBad;
    rcpt.notify.bits |= bit;
  }
  const bool never = (rcpt.notify.bits & Notify::kNever) != 0;
  return never && rcpt.notify.bits != Notify::kNever ? kBad : kFine;  // NEVER stands alone
}

Refusal rcpt_orcpt(std::string_view value, RcptTo& rcpt) {
  const size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || value.size() > kMaxOrcpt || !is_keyword(value.substr(0, semicolon)))
    return kBad;
  auto address = from_xtext(value.substr(semicolon + 1));
  if (!address || address->empty() || !base::is_utf8(*address)) return kBad;
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(address->begin(), address->end(), control)) return kBad;
  rcpt.orcpt = base::lower(value.substr(0, semicolon)) + ";" + *address;
  return kFine;
}

Refusal rcpt_parameter(const Parameter& p, const CommandRules& rules, RcptTo& rcpt) {
  const auto is = [&](std::string_view keyword) { return base::iequals(p.keyword, keyword); };
  if (!p.has_value) return kUnknown;
  if (is("NOTIFY") && rules.dsn) return rcpt_notify(p.value, rcpt);
  if (is("ORCPT") && rules.dsn) return rcpt_orcpt(p.value, rcpt);
  if (is(kParamAccount) && rules.buzon) {
    const auto id = base::parse_number<uint64_t>(p.value);
    if (!id || *id == 0) return kBad;
    rcpt.account = AccountId(*id);
    return kFine;
  }
  if (is(kParamSentCopy) && rules.buzon) {
    rcpt.sent_copy = p.value == "1";
    return rcpt.sent_copy ? kFine : kBad;
  }
  return kUnknown;
}

// "FROM:" or "TO:" in front of a path. White space around the colon's far side is seen in the field and harmless.
bool take_label(std::string_view& text, std::string_view label) {
  if (!base::istarts_with(text, label)) return false;
  text.remove_prefix(label.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

Command parse_mail(std::string_view text, const CommandRules& rules) {
  if (!take_label(text, "FROM:")) return refused(Verb::Mail, replies::kBadArguments);
  auto path = take_path(text);
  if (!path) return refused(Verb::Mail, replies::kBadSender);
  std::vector<Parameter> parameters;
  if (const auto* bad = split_parameters(text, parameters)) return refused(Verb::Mail, *bad);
  MailFrom mail;
  mail.sender = std::move(*path);
  for (const auto& parameter : parameters) {
    if (const auto* bad = mail_parameter(parameter, rules, mail)) return refused(Verb::Mail, *bad);
  }
  if (mail.sender.needs_smtputf8() && !mail.smtputf8) return refused(Verb::Mail, replies::kNeedsSmtpUtf8);
  return {Verb::Mail, std::move(mail), std::nullopt};
}

Command parse_rcpt(std::string_view text, const CommandRules& rules) {
  if (!take_label(text, "TO:")) return refused(Verb::Rcpt, replies::kBadArguments);
  auto path = take_path(text);
  if (!path || path->is_null()) return refused(Verb::Rcpt, replies::kBadRecipient);
  std::vector<Parameter> parameters;
  if (const auto* bad = split_parameters(text, parameters)) return refused(Verb::Rcpt, *bad);
  RcptTo rcpt;
  rcpt.recipient = std::move(*path);
  for (const auto& parameter : parameters) {
    if (const auto* bad = rcpt_parameter(parameter, rules, rcpt)) return refused(Verb::Rcpt, *bad);
  }
  if (rcpt.sent_copy && !rcpt.account.is_set()) return refused(Verb::Rcpt, replies::kBadParameter);
  return {Verb::Rcpt, std::move(rcpt), std::nullopt};
}

// RFC 3030 2: "BDAT" SP chunk-size [SP "LAST"]
Command parse_bdat(std::string_view text) {
  const auto words = base::split(text, ' ');
  const auto size = base::parse_number<uint64_t>(words[0]);
  const bool last = words.size() == 2 && base::iequals(words[1], "LAST");
  if (!size || *size > (1ull << 62) || words.size() > 2 || (words.size() == 2 && !last)) {
    return refused(Verb::Bdat, replies::kBadArguments);
  }
  return {Verb::Bdat, BdatChunk{*size, last}, std::nullopt};
}

// RFC 4954 4. What the initial response holds is the mechanism's business.
Command parse_auth(std::string_view text) {
  const auto words = base::split(text, ' ');
  const auto mechanism = words[0];
  const auto fine = [](char c) { return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_'; };
  if (mechanism.empty() || mechanism.size() > 20 || words.size() > 2 ||
      !std::all_of(mechanism.begin(), mechanism.end(), fine)) {
    return refused(Verb::Auth, replies::kBadArguments);
  }
  AuthStart start{base::upper(mechanism), std::nullopt};
  if (words.size() == 2) start.initial = std::string(words[1]);
  return {Verb::Auth, std::move(start), std::nullopt};
}

// A name we only log and write into Received, so: anything printable without spaces. Clients greet with underscores, bare
// addresses and host names that do not resolve; refusing them helps nobody.
Command parse_hello(Verb verb, std::string_view text) {
  const auto printable = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '(' && c != ')' && c != '<' && c != '>' && c != ';';
  };
  if (text.empty() || text.size() > kMaxDomain || !base::is_utf8(text) ||
      !std::all_of(text.begin(), text.end(), printable)) {
    return refused(verb, replies::kBadArguments);
  }
  return {verb, Hello{std::string(text)}, std::nullopt};
}

}  // namespace

std::string_view name(Verb verb) { return verb == Verb::Unknown ? "?" : kVerbNames[static_cast<size_t>(verb)]; }

std::string Notify::to_string() const {
  std::string out;
  const auto add = [&](uint8_t bit, std::string_view word) {
    if ((bits & bit) == 0) return;
    if (!out.empty()) out += ',';
    out += word;
  };
  add(kNever, "NEVER");
  add(kSuccess, "SUCCESS");
  add(kFailure, "FAILURE");
  add(kDelay, "DELAY");
  return out;
}

Command parse_command(std::string_view line, const CommandRules& rules) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);  // RFC 5321 4.1.1: tolerated
  const size_t space = std::min(line.find(' '), line.size());
  const Verb verb = find_verb(line.substr(0, space));
  auto text = line.substr(space);
  while (text.starts_with(' ')) text.remove_prefix(1);
  switch (verb) {
    case Verb::Helo:
    case Verb::Ehlo:
    case Verb::Lhlo:
      return parse_hello(verb, text);
    case Verb::Mail:
      return parse_mail(text, rules);
    case Verb::Rcpt:
      return parse_rcpt(text, rules);
    case Verb::Bdat:
      return parse_bdat(text);
    case Verb::Auth:
      return parse_auth(text);
    case Verb::Data:
    case Verb::Rset:
    case Verb::Quit:
    case Verb::StartTls:
      if (!text.empty()) return refused(verb, replies::kNoArgumentsAllowed);
      return {verb, {}, std::nullopt};
    case Verb::Vrfy:
    case Verb::Expn:
      if (text.empty()) return refused(verb, replies::kBadArguments);
      [[fallthrough]];
    case Verb::Noop:
    case Verb::Help:
      return {verb, Text{std::string(text)}, std::nullopt};
    case Verb::Unknown:
      break;
  }
  return refused(Verb::Unknown, replies::kUnknownCommand);
}

std::string encode(const MailFrom& mail) {
  std::string out = "MAIL FROM:" + mail.sender.to_path();
  if (mail.size) out += " SIZE=" + std::to_string(*mail.size);
  if (mail.body) out += *mail.body == BodyType::EightBitMime ? " BODY=8BITMIME" : " BODY=7BIT";
  if (mail.smtputf8) out += " SMTPUTF8";
  if (mail.ret != Ret::Unset) out += mail.ret == Ret::Full ? " RET=FULL" : " RET=HDRS";
  if (!mail.envid.empty()) out += " ENVID=" + to_xtext(mail.envid);
  if (mail.auth) out += " AUTH=" + to_xtext(*mail.auth);
  if (!mail.queue_id.empty()) out += " " + std::string(kParamQueueId) + "=" + mail.queue_id;
  if (!mail.session.empty()) out += " " + std::string(kParamSession) + "=" + mail.session;
  return out + "\r\n";
}

std::string encode(const RcptTo& rcpt) {
  std::string out = "RCPT TO:" + rcpt.recipient.to_path();
  if (rcpt.notify.is_set()) out += " NOTIFY=" + rcpt.notify.to_string();
  if (!rcpt.orcpt.empty()) {
    const size_t semicolon = rcpt.orcpt.find(';');
    out += " ORCPT=" + rcpt.orcpt.substr(0, semicolon) + ";" + to_xtext(std::string_view(rcpt.orcpt).substr(semicolon + 1));
  }
  if (rcpt.account.is_set()) out += " " + std::string(kParamAccount) + "=" + std::to_string(rcpt.account.value());
  if (rcpt.sent_copy) out += " " + std::string(kParamSentCopy) + "=1";
  return out + "\r\n";
}

}  // namespace bz::smtp
