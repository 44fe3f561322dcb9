// Commands about the session and about whole mailboxes.
#include "base/text.h"
#include "imap/language.h"
#include "imap/parse.h"

namespace bz::imap::detail {

// RFC 2971: id_params_list = "(" string SP nstring ... ")" / nil
Read read_id(Parse& p) {
  Id id;
  if (!p.sp()) return std::nullopt;
  if (p.lex.take("NIL")) return id;
  if (!p.lex.take('(')) return std::nullopt;
  if (p.lex.take(')')) return id;
  do {
    auto key = p.lex.string();
    if (!key || !p.sp()) return std::nullopt;
    bool nil = false;
    auto value = p.lex.nil_or_string(nil);
    if (!nil && !value) return std::nullopt;
    if (id.fields.size() == kMaxIdFields) return p.fail("Too many ID fields");
    id.fields.emplace_back(std::move(*key), std::move(value));
  } while (p.sp());
  if (!p.lex.take(')')) return std::nullopt;
  return id;
}

// RFC 4959: authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]
Read read_authenticate(Parse& p) {
  if (!p.sp()) return std::nullopt;
  Authenticate command{base::upper(p.lex.atom()), std::nullopt};
  if (command.mechanism.empty()) return p.fail("No mechanism");
  if (p.sp()) {
    std::string_view response = p.lex.atom();
    if (response.empty()) return p.fail("No initial response");
    command.initial_response.emplace(std::string(response));
  }
  return command;
}

Read read_login(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto user = p.lex.astring();
  if (!user || !p.sp()) return std::nullopt;
  auto password = p.lex.astring();
  if (!password) return std::nullopt;
  return Login{std::move(*user), base::Secret(std::move(*password))};
}

Read read_enable(Parse& p) {
  Enable enable;
  while (p.sp()) {
    std::string_view word = p.lex.atom();
    if (word.empty()) return std::nullopt;
    enable.capabilities.push_back(base::upper(word));
  }
  if (enable.capabilities.empty()) return std::nullopt;
  return enable;
}

// RFC 4978 section 5
Read read_compress(Parse& p) {
  if (!p.sp()) return std::nullopt;
  Compress compress{base::upper(p.lex.atom())};
  if (compress.algorithm.empty()) return p.fail("No compression algorithm");
  return compress;
}

// RFC 5255 section 3.5: language-cmd = "LANGUAGE" *(SP lang-range-quoted)
Read read_language(Parse& p) {
  SetLanguage command;
  while (p.sp()) {
    auto range = p.lex.astring();
    if (!range && p.lex.take('*')) range = "*";
    if (!range || !is_language_range(*range)) return p.fail("Invalid language range");
    if (command.ranges.size() == kMaxLanguages) return p.fail("Too many languages");
    command.ranges.push_back(std::move(*range));
  }
  return command;
}

namespace {

// A sequence-set without "*" (RFC 7162 section 7: known-uids, known-sequence-set, known-uid-set).
std::optional<UidSet> known_set(Parse& p) {
  auto set = p.lex.sequence_set();
  if (!set || set->saved()) return p.fail("Invalid set of known messages");
  for (const SequenceSet::Range& r : set->ranges())
    if (r.first == SequenceSet::kStar || r.last == SequenceSet::kStar) return p.fail("* is no known message");
  return set->resolve(0);
}

// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
bool sequence_match(Parse& p, QResync& resync) {
  if (!p.lex.take('(')) return false;
  auto numbers = known_set(p);
  if (!numbers || !p.sp()) return false;
  auto uids = known_set(p);
  if (!uids || !p.lex.take(')')) return false;
  if (numbers->count() != uids->count()) return p.fail("The sets of numbers and UIDs differ in size"), false;
  resync.match_numbers = std::move(*numbers);
  resync.matching_uids = std::move(*uids);
  return true;
}

// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
std::optional<QResync> qresync_parameter(Parse& p) {
  if (!p.sp() || !p.lex.take('(')) return p.fail("QRESYNC needs parameters");
  QResync resync;
  auto validity = p.lex.number();
  if (!validity || *validity == 0 || !p.sp()) return p.fail("Invalid UIDVALIDITY");
  auto modseq = p.lex.number64();
  if (!modseq) return p.fail("Invalid mod-sequence");
  resync.uid_validity = *validity;
  resync.modseq = *modseq;
  if (p.sp()) {
    if (p.lex.peek() != '(') {
      resync.known_uids = known_set(p);
      if (!resync.known_uids) return std::nullopt;
      if (p.sp() && !sequence_match(p, resync)) return std::nullopt;
    } else if (!sequence_match(p, resync)) {
      return std::nullopt;
    }
  }
  if (!p.lex.take(')')) return std::nullopt;
  return resync;
}

}  // namespace

// RFC 4466 select-params, RFC 7162 sections 3.1.8 and 3.2.5
Read read_select(Parse& p, bool examine) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox) return std::nullopt;
  Select select{.mailbox = std::move(*mailbox), .examine = examine};
  if (!p.sp()) return select;
  if (!p.lex.take('(')) return std::nullopt;
  do {
    if (p.lex.take("CONDSTORE")) {
      select.condstore = true;
    } else if (p.lex.take("QRESYNC")) {
      select.qresync = qresync_parameter(p);
      if (!select.qresync) return std::nullopt;
    } else {
      return p.fail("Unknown SELECT parameter");
    }
  } while (p.sp());
  if (!p.lex.take(')')) return std::nullopt;
  return select;
}

// RFC 6154 section 3: create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
Read read_create(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox) return std::nullopt;
  Create create{std::move(*mailbox), {}};
  if (!p.sp()) return create;
  if (!p.lex.take('(') || !p.lex.take("USE")) return p.fail("Unknown CREATE parameter");
  if (!p.sp() || !p.lex.take('(')) return std::nullopt;
  if (!p.lex.take(')')) {
    do {
      if (!p.lex.take('\\')) return std::nullopt;
      std::string_view word = p.lex.atom();
      if (word.empty()) return std::nullopt;
      create.special_use.push_back("\\" + std::string(word));
    } while (p.sp());
    if (!p.lex.take(')')) return std::nullopt;
  }
  if (!p.lex.take(')')) return std::nullopt;
  return create;
}

Read read_rename(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto from = p.mailbox();
  if (!from || !p.sp()) return std::nullopt;
  auto to = p.mailbox();
  if (!to) return std::nullopt;
  return Rename{std::move(*from), std::move(*to)};
}

Read read_status(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox || !p.sp()) return std::nullopt;
  auto items = p.status_items();
  if (!items) return std::nullopt;
  return Status{std::move(*mailbox), *items};
}

}  // namespace bz::imap::detail
