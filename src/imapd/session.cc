#include "imapd/session.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "imap/append.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/fetch_binary.h"
#include "imapd/notify.h"
#include "imapd/render.h"

namespace bz::imapd {
namespace {

constexpr size_t kReadSize = 64 * 1024;
constexpr size_t kMaxAnnotationNews = 10'000;  // names of entries
constexpr size_t kKeepCapacity = 4 * 1024;     // of the output buffer while the session is idle

imap::Framer::Limits limits_of(const SessionConfig& config) {
  imap::Framer::Limits limits;
  if (config.literals == imap::Literals::Minus) limits.non_sync = imap::kMinusLiteral;
  return limits;
}

Task<void> watch_input(net::Stream& stream, net::Deadline deadline, std::optional<Result<void>>& end,
                       base::Wakeup& wakeup) {
  auto readable = co_await stream.wait_readable(deadline);
  end.emplace(std::move(readable));
  wakeup.fire();
}

template <class... Kinds>
bool is_one_of(const imap::Command& command) {
  return (std::holds_alternative<Kinds>(command) || ...);
}

bool needs_mailbox(const imap::Command& command) {
  return is_one_of<imap::Check, imap::Close, imap::Unselect, imap::Expunge, imap::Search, imap::Fetch, imap::Store,
                   imap::Copy, imap::Move, imap::Sort, imap::Thread, imap::UidBatches, imap::CancelUpdate>(command);
}

// Of SEARCH, SORT, THREAD and ESEARCH; else null.
const imap::Search* search_of(const imap::Command& command) {
  if (const auto* sort = std::get_if<imap::Sort>(&command)) return &sort->search;
  if (const auto* thread = std::get_if<imap::Thread>(&command)) return &thread->search;
  if (const auto* multi = std::get_if<imap::MultiSearch>(&command)) return &multi->search;
  return std::get_if<imap::Search>(&command);
}

bool is_uid_command(const imap::Command& command) {
  if (const imap::Search* search = search_of(command)) return search->uid;
  if (const auto* expunge = std::get_if<imap::Expunge>(&command)) return expunge->uids.has_value();
  return std::visit(
      [](const auto& c) {
        if constexpr (requires { c.uid; }) return c.uid;
        return false;
      },
      command);
}

// RFC 3501 section 7.4.1: no EXPUNGE in FETCH, STORE, SEARCH, since the client counts on its sequence numbers there; RFC
// 7162 section 3.2.10.2 adds a UID SEARCH with sequence numbers.
store::View::Expunges expunges_after(const imap::Command& command) {
  const imap::Search* search = search_of(command);
  bool by_number = (search || is_one_of<imap::Fetch, imap::Store>(command)) && !is_uid_command(command);
  if (search) by_number |= search->key.names_numbers();
  return by_number ? store::View::Expunges::Hold : store::View::Expunges::Report;
}

// Message numbers, not "$", which stands for UIDs here.
bool has_numbers(const imap::SearchKey& key) {
  return (key.kind == imap::SearchKey::Kind::SequenceNumbers && !key.set.saved()) ||
         std::any_of(key.children.begin(), key.children.end(), has_numbers);
}

// RFC 9586 sections 3.2, 3.5, 3.7, 3.8: what UIDONLY forbids.
bool speaks_numbers(const imap::Command& command) {
  if (const auto* select = std::get_if<imap::Select>(&command))
    return select->qresync && !select->qresync->match_numbers.empty();
  const imap::Search* search = search_of(command);
  if (search && has_numbers(search->key)) return true;
  return (search || is_one_of<imap::Fetch, imap::Store, imap::Copy, imap::Move>(command)) && !is_uid_command(command);
}

}  // namespace

Session::Session(std::unique_ptr<net::Stream> stream, std::shared_ptr<store::Account> account, SessionStart start,
                 const SessionConfig& config, base::Clock& clock)
    : stream_(std::move(stream)),
      account_(std::move(account)),
      start_(std::move(start)),
      config_(config),
      clock_(clock),
      framer_(limits_of(config)),
      wakeup_(stream_->loop()) {}

Session::~Session() = default;

Task<void> Session::run() {
  identify(start_.id_fields);
  imap::IdFields().swap(start_.id_fields);
  greet();
  framer_.feed(start_.input);
  std::string().swap(start_.input);
  while (!ended_ && !logged_out_) {
    if (account_->broken() || (selected() && selected_.account->broken()))
      bye("The store has failed, please connect again", "UNAVAILABLE");
    else if (stop_requested())
      bye_as_asked();
    else
      co_await next_step();
  }
  if (co_await flush()) (void)co_await stream_->shutdown(net::Deadline::in(config_.write_timeout));
  unselect();
  stream_->close();
  log::event(log::Info, "imap_end").field("sid", start_.id).field("account", account_->account_name());
}

Task<void> Session::next_step() {
  if (!next_line_.empty()) {
    std::string line = std::exchange(next_line_, {});
    co_await run_command(line);
    co_return;
  }
  imap::Framer::Event event = framer_.next();
  if (event.kind != imap::Framer::Kind::NeedMore) {
    co_await step(event);
    co_return;
  }
  if (notifier_ && framer_.buffered() == 0) {
    co_await tell(notifier_->delays_expunges() ? store::View::Expunges::Hold : store::View::Expunges::Report);
    if (ended_) co_return;
  }
  if (!co_await flush()) co_return;
  co_await read_more(framer_.buffered() > 0 ? config_.literal_timeout : config_.idle_timeout);
}

Task<void> Session::step(imap::Framer::Event event) {
  switch (event.kind) {
    case imap::Framer::Kind::Command:
      if (imap::is_append(event.text))
        co_await run_append(*this, event);
      else
        co_await run_command(event.text);
      break;
    case imap::Framer::Kind::Continue:
      imap::continuation(out_, "OK");
      break;
    case imap::Framer::Kind::AppendLiteral:
      co_await run_append(*this, event);
      break;
    case imap::Framer::Kind::Refused:
      refuse(std::string(event.tag), event.text);
      break;
    case imap::Framer::Kind::Fatal:
      bye(event.text);
      break;
    default:
      BZ_CHECK(false, "a message's octets outside APPEND");
  }
  if (!ended_) co_await flush_if_large();
}

void Session::refuse(std::string tag, std::string_view text) {
  tag_ = std::move(tag);
  write_tagged(bad(text));
  if (++bad_in_a_row_ >= config_.max_bad) bye("Too many ill-formed commands");
}

Task<void> Session::run_command(std::string_view text) {
  imap::ParsedCommand parsed = imap::parse_command(text, utf8());
  const imap::Command* command = parsed.command();
  if (!command && parsed.error()->well_formed) {
    tag_ = std::move(parsed.tag);
    write_tagged(no(parsed.error()->text, "CANNOT"));
    co_return;
  }
  if (!command) {
    refuse(std::move(parsed.tag), parsed.error()->text);
    co_return;
  }
  bad_in_a_row_ = 0;
  tag_ = parsed.tag;
  uid_command_ = is_uid_command(*command);
  next_progress_ = clock_.mono() + config_.progress_every;
  answers_by_news_ = is_one_of<imap::Expunge, imap::Move>(*command);
  if (needs_mailbox(*command) && !selected()) {
    write_tagged(bad("No mailbox is selected"));
    co_return;
  }
  if (uid_only_ && speaks_numbers(*command)) {
    write_tagged({imap::Condition::Bad, "UIDREQUIRED", "Message numbers are not allowed once UIDONLY is enabled"});
    co_return;
  }
  Reply reply = co_await dispatch(*command);
  if (ended_) co_return;
  co_await tell(expunges_after(*command));
  if (ended_) co_return;
  write_tagged(reply);
  if (std::exchange(compress_next_, false) && co_await flush())
    compression_ = std::make_unique<Compression>(*stream_, config_.compress_level);
}

Task<Reply> Session::dispatch(const imap::Command& command) {
  return std::visit([this](const auto& c) { return handle(*this, c); }, command);
}

void Session::greet() {
  const std::string code = "CAPABILITY " + capabilities();
  tag_ = start_.tag;
  write_tagged({tag_.empty() ? imap::Condition::PreAuth : imap::Condition::Ok, code, "Logged in"});
  log::event(log::Info, "imap_start").field("sid", start_.id).field("account", account_->account_name());
}

std::string Session::capabilities() const {
  std::string words = imap::capabilities_after_login(account_->config().append_limit, config_.literals);
  if (config_.compress_level > 0 && !compression_) words += " COMPRESS=DEFLATE";
  if (const MessageLimit& limit = config_.message_limit; limit.shown > 0)
    words += (limit.saves_only ? " SAVELIMIT=" : " MESSAGELIMIT=") + std::to_string(limit.shown);
  if (others()) words += " ACL RIGHTS=texk LIST-MYRIGHTS";
  if (offers(imap::kRev2)) words.append(" ").append(imap::kRev2);
  if (!config_.push_topic.empty()) words.append(" ").append(imap::kApplePush);
  return imap::without(words, hidden_);
}

bool Session::offers(std::string_view capability) const {
  using enum imap::Offer;
  if (capability == imap::kRev2 && config_.rev2 != Always && (config_.rev2 == Never || !named_)) return false;
  return !imap::is_hidden(capability, hidden_);
}

void Session::identify(const imap::IdFields& id) {
  static const imap::ClientRules ours;
  hidden_ = (config_.client_rules ? *config_.client_rules : ours).hidden_from(id);
  named_ = !id.empty();
}

void Session::bye(std::string_view text, std::string_view code) {
  if (!ended_) say(imap::Condition::Bye, code, text);
  ended_ = true;
}

void Session::stop(std::string text) {
  stop_text_ = text.empty() ? "Session ended by the server" : std::move(text);
  wakeup_.fire();
}

void Session::write_tagged(const Reply& reply) {
  if (tag_.empty()) return say(reply.condition, reply.code, reply.text);
  const std::string text = imap::in_language(start_.language, reply.condition, reply.text);
  imap::tagged(out_, tag_, reply.condition, reply.code, text, start_.language != imap::Language::Default);
}

void Session::say(imap::Condition condition, std::string_view code, std::string_view text) {
  const std::string said = imap::in_language(start_.language, condition, text);
  imap::untagged(out_, condition, code, said, start_.language != imap::Language::Default);
}

std::shared_ptr<store::Account> Session::reached(const std::string& owner) const {
  auto found = reached_.find(owner);
  auto account = found == reached_.end() ? nullptr : found->second.lock();
  return account && !account->broken() ? account : nullptr;
}

namespace {
// RFC 4314 section 5.2: any one of them makes a mailbox READ-WRITE.
constexpr store::Rights kWriting = store::right::kInsert | store::right::kExpunge | store::right::kKeepSeen |
                                   store::right::kWrite | store::right::kDeleteMessages;
}  // namespace

std::string Session::permanent_flags() {
  const store::Rights may = read_only_ ? store::Rights{0} : rights();
  const auto& keywords = mailbox_->keywords();
  const bool more = keywords.size() < static_cast<size_t>(kMaxKeywords);
  return imap::code_permanent_flags(keywords, system_flags_for(may), may & store::right::kWrite, more);
}

// Section 5.1.1: FLAGS and PERMANENTFLAGS follow when somebody changed what the user may do.
void Session::check_rights() {
  const store::Rights now = rights();
  if (now == told_rights_) return;
  told_rights_ = now;
  if (!(now & store::right::kRead)) return bye("The selected mailbox is not shared any more");
  read_only_ = examine_ || !(now & kWriting);
  imap::flags_response(out_, mailbox_->keywords());
  say(imap::Condition::Ok, permanent_flags(), "Flags permitted");
}

void Session::select(Place place, store::MailboxPtr mailbox, bool examine) {
  selected_ = std::move(place);
  mailbox_ = std::move(mailbox);
  examine_ = examine;
  told_rights_ = rights();
  const bool read_only = read_only_ = examine || !(told_rights_ & kWriting);
  view_ = std::make_unique<store::View>(mailbox_, read_only ? store::View::Mode::ReadOnly : store::View::Mode::ReadWrite);
  announced_keywords_ = mailbox_->keywords().size();
  url_key_told();
  if (notifier_) notifier_->entered(selected_.own() ? mailbox_->info().id : MailboxId());
  if (selected_.own()) return;
  foreign_news_ = mailbox_->subscribe([this] {
    foreign_changed_ = true;
    wakeup_.fire();
  });
}

void Session::unselect() {
  if (notifier_ && selected() && selected_.own()) notifier_->left(*view_);
  new_messages_ = own_new_ = untold_flags_ = {};
  contexts_.clear();  // RFC 5267 section 4.3: updates cease
  view_.reset();
  mailbox_.reset();
  decoded_part_.reset();  // known by an EmailId, which is of one account
  foreign_news_.reset();
  foreign_changed_ = false;
  selected_ = {};
  saved_result_ = {};
  batch_history_ = {};
}

void Session::enable_condstore() {
  if (std::exchange(condstore_, true) || !selected()) return;
  say(imap::Condition::Ok, imap::code_number("HIGHESTMODSEQ", view_->told_modseq()), "CONDSTORE is on");
}

void Session::announce_keywords() {
  if (!selected() || announced_keywords_ == mailbox_->keywords().size()) return;
  const auto& keywords = mailbox_->keywords();
  announced_keywords_ = keywords.size();
  imap::flags_response(out_, keywords);
  say(imap::Condition::Ok, permanent_flags(), "Flags permitted");
}

void Session::report(store::View::Expunges expunges, bool everything) {
  const bool answers = std::exchange(answers_by_news_, false);
  if (!notifier_) report_annotations();
  foreign_changed_ = false;
  if (!selected()) return;
  if (mailbox_->gone()) {
    bye("The selected mailbox was deleted");
    return;
  }
  check_rights();
  if (ended_) return;
  announce_url_key();
  const auto wanted = notifier_ && !everything ? notifier_->selected() : Notifier::Selected::Flags;
  if (wanted == Notifier::Selected::Nothing && !answers) return;
  if (!view_->has_changes() && (untold_flags_.empty() || wanted != Notifier::Selected::Flags)) return;
  announce_keywords();
  const uint32_t last_uid = view_->last_uid();
  if (expunges == store::View::Expunges::Report) contexts_.tell_expunged(*this);
  store::Changes changes = view_->sync(expunges);
  for (UidSet::Range r : changes.flags_changed.ranges()) untold_flags_.add(r.first, r.last);
  changes.flags_changed = wanted == Notifier::Selected::Flags ? std::exchange(untold_flags_, {}) : UidSet();
  // RFC 5465 section 5.1: FETCH with UID, whatever command is under way.
  render_changes(out_, *view_, changes,
                 {.uid = uid_command_ || condstore_ || rev2_ || notifier_,
                  .modseq = condstore_,
                  .vanished = qresync_,
                  .uid_only = uid_only_,
                  .recent = !rev2_});
  if (notifier_ && !everything) take_news(changes, last_uid);
}

void Session::listen_to_annotations() {
  if (annotation_news_) return;
  annotation_news_ = account_->subscribe_annotations(
      [this](MailboxId mailbox, const store::AnnotationChanges& changes) { annotations_changed(mailbox, changes); });
}

void Session::annotations_changed(MailboxId mailbox, const store::AnnotationChanges& changes) {
  if (!metadata_ && !(notifier_ && notifier_->wants_annotations_of(mailbox))) return;
  auto& names = changed_annotations_[mailbox];
  for (const auto& [name, value] : changes) changed_count_ += names.insert(name).second;
  if (changed_count_ > kMaxAnnotationNews) stop("Too much to tell a client that does not listen");
  wakeup_.fire();
}

void Session::report_annotations() {
  if (changed_annotations_.empty()) return;
  std::map<MailboxId, std::string> names{{MailboxId(), ""}};
  for (const store::MailboxInfo& info : account_->mailboxes()) names[info.id] = info.name;
  for (const auto& [mailbox, entries] : std::exchange(changed_annotations_, {})) {
    auto name = names.find(mailbox);  // not there: deleted meanwhile
    if (name == names.end()) continue;
    const std::vector<std::string> list(entries.begin(), entries.end());
    imap::metadata_changed(out_, name->second, list, utf8());
  }
  changed_count_ = 0;
}

void Session::announce_url_key() {
  if (!selected_.own() || told_url_key_ == mailbox_->url_key_resets()) return;
  url_key_told();
  say(imap::Condition::Ok, kUrlMechanisms, "The mailbox has a new key");
}

Task<bool> Session::flush() {
  if (broken_) co_return false;
  if (out_.empty()) co_return true;
  flushed_ += out_.size();
  Result<void> written;
  if (compression_)
    written = co_await compression_->write_all(out_, net::Deadline::in(config_.write_timeout));
  else
    written = co_await stream_->write_all(out_, net::Deadline::in(config_.write_timeout));
  out_.clear();
  if (out_.capacity() > kKeepCapacity) std::string().swap(out_);
  if (!written) ended_ = broken_ = true;
  co_return !broken_;
}

Task<bool> Session::flush_if_large() {
  if (out_.size() < config_.write_at) co_return !broken_;
  if (!co_await flush()) co_return false;
  base::Yield yield(stream_->loop());  // a client that reads as fast as we write must not keep the lane
  co_await yield;
  co_return !broken_;
}

Task<bool> Session::in_progress(uint64_t done, uint64_t goal) {
  if (ended_ || stop_requested() || account_->broken()) co_return false;
  if (clock_.mono() < next_progress_ || done >= goal) co_return true;
  next_progress_ = clock_.mono() + config_.progress_every;
  say(imap::Condition::Ok, imap::code_in_progress(tag_, done, goal), "Still at it");
  co_return co_await flush();
}

Task<Session::Waited> Session::wait(base::Millis timeout) {
  if (compression_ && compression_->has_input()) co_return Waited::Input;
  if (compression_ && !compression_->resting() && timeout > config_.compress_rest) {
    Waited waited = co_await wait_for_input(config_.compress_rest);
    if (waited != Waited::TimedOut) co_return waited;
    timeout -= config_.compress_rest;
    compression_->rest();
  }
  Waited waited = co_await wait_for_input(timeout);
  co_return waited;
}

Task<Session::Waited> Session::wait_for_input(base::Millis timeout) {
  std::optional<Result<void>> input;
  auto watch = base::Spawned::run(watch_input(*stream_, net::Deadline::in(timeout), input, wakeup_));
  if (!input) {
    auto woken = wakeup_.wait();
    co_await woken;
  }
  if (!input) co_return Waited::Woken;
  wakeup_.clear();
  if (*input) co_return Waited::Input;
  co_return input->error().code() == Errc::Timeout ? Waited::TimedOut : Waited::Closed;
}

Task<bool> Session::read_more(base::Millis timeout) {
  Waited waited = Waited::Woken;
  while (waited == Waited::Woken && !stop_requested()) {
    waited = co_await wait(timeout);
    if (waited != Waited::Woken || !has_news() || stop_requested()) continue;
    waited = co_await wait_for_more_news();
    break;
  }
  if (waited == Waited::Woken) co_return !stop_requested();  // stop(): run() says BYE; else there is news
  if (waited == Waited::TimedOut) bye("Inactive for too long");
  if (waited != Waited::Input) {
    ended_ = true;
    co_return false;
  }
  auto buffer = std::make_unique<std::array<char, kReadSize>>();
  Result<size_t> got = size_t{0};
  if (compression_)
    got = co_await compression_->read_some(*buffer, net::Deadline::in(config_.literal_timeout));
  else
    got = co_await stream_->read_some(*buffer, net::Deadline::in(config_.literal_timeout));
  if (!got && got.error().code() == Errc::Invalid) bye("The compressed data are damaged");
  if (got && *got == 0 && compression_ && !compression_->at_end()) co_return true;
  if (!got || *got == 0) {
    ended_ = true;
    co_return false;
  }
  framer_.feed(std::string_view(buffer->data(), *got));
  co_return true;
}

Task<void> serve(std::shared_ptr<Session> session) { co_await session->run(); }

namespace {

// Those of `wanted` that the view holds.
UidSet existing(const store::View& view, const UidSet& wanted) {
  UidSet out;
  for (const UidSet::Range& range : wanted.ranges()) {
    const UidSet held = view.within(range);
    for (const UidSet::Range& found : held.ranges()) out.add(found.first, found.last);
  }
  return out;
}

}  // namespace

std::optional<UidSet> resolve(Session& s, const imap::SequenceSet& set, bool uid) {
  store::View& view = s.view();
  if (set.saved()) return existing(view, s.saved_result());
  if (uid) return existing(view, set.resolve(view.highest_uid()));
  // "1:*" on an empty mailbox names nothing; phones ask for it right after SELECT.
  UidSet out;
  bool only_stars = std::all_of(set.ranges().begin(), set.ranges().end(), [](const imap::SequenceSet::Range& r) {
    return r.first == imap::SequenceSet::kStar || r.last == imap::SequenceSet::kStar;
  });
  if (view.exists() == 0 && only_stars) return out;
  if (!set.within(view.exists())) return std::nullopt;
  set.resolve(view.exists()).for_each([&](uint32_t msn) { out.add(view.uid_at(msn)); });
  return out;
}

}  // namespace bz::imapd
