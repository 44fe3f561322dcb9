// One IMAP connection after login: reads commands, runs them one after the other in the order sent, writes what they and
// other sessions have to say. It lives on the thread of its account and owns its Stream; the Account is shared with the
// account's other sessions, so shared_ptr.
//
//   auto session = std::make_shared<Session>(std::move(stream), account, start, config, clock);
//   group.spawn(serve(session));        // ends when the client goes, LOGOUT, stop(), or the account breaks
//
// Rules kept here and nowhere else:
//  1. Untagged news goes out before the tagged response, never in between an APPEND's "+" and its tagged response.
//  2. EXPUNGE is not reported during FETCH, STORE and SEARCH (RFC 3501 section 7.4.1); their UID forms may report it.
//     A UID SEARCH that names sequence numbers may not. With QRESYNC the response is VANISHED (RFC 7162 section 3.2.10).
//  3. A mailbox that another session deleted ends the session (BYE), since IMAP knows no way to unselect it.
//  4. With NOTIFY (RFC 5465) news goes out between commands, too, and what was not asked for stays in the view.
//  5. Keywords are announced (FLAGS, PERMANENTFLAGS) before a FETCH response uses them.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/wakeup.h"
#include "imap/capability.h"
#include "imap/client_rules.h"
#include "imap/command.h"
#include "imap/framer.h"
#include "imap/language.h"
#include "imap/parser.h"
#include "imapd/compression.h"
#include "imapd/contexts.h"
#include "imapd/others.h"
#include "imapd/reply.h"
#include "net/stream.h"
#include "store/account.h"
#include "store/mailbox.h"
#include "store/search.h"

namespace bz::imapd {

struct MessageLimit {       // RFC 9738
  uint32_t shown = 0;       // in MESSAGELIMIT= or SAVELIMIT=; 0: neither
  uint32_t enforced = 0;    // 0: none
  bool saves_only = false;  // SAVELIMIT: COPY and APPEND alone
};

struct SessionConfig {
  base::Millis idle_timeout{30 * 60'000};    // without a command (RFC 3501 section 5.4: at least 30 minutes)
  base::Millis write_timeout{60'000};        // a client that does not read
  base::Millis literal_timeout{5 * 60'000};  // between two reads inside a command
  base::Millis keepalive{2 * 60'000};        // "* OK" during IDLE: keeps NAT entries of mobile networks alive
  base::Millis coalesce{50};                 // changes within this span are told together during IDLE
  size_t write_at = 64 * 1024;               // octets of output that are written without waiting for the end of a command
  uint64_t max_drain = uint64_t{256} << 20;  // octets of a refused non-synchronizing APPEND that are read and thrown away
  std::string server_comment{}, server_admin{};  // /shared/comment and /shared/admin of the server (RFC 5464); empty: NIL
  bool refuse_eight_bit_headers = false;         // in APPEND without UTF8=ACCEPT (RFC 6855 section 4)
  imap::Literals literals = imap::Literals::Plus;
  size_t notify_mailboxes = 2'000;    // whose messages one session may watch (RFC 5465)
  uint64_t notify_messages = 1'000;   // new ones that are fetched without being asked for, at one time
  size_t search_mailboxes = 1'000;    // of one ESEARCH (RFC 7377 section 2.4)
  size_t search_contexts = 16;        // of one session (RFC 5267)
  size_t context_messages = 200'000;  // found by all of them; one of SORT counts for ten
  unsigned max_bad = 20;              // ill-formed commands in a row before BYE
  MessageLimit message_limit{};
  imap::Offer rev2 = imap::Offer::ToNamed;
  std::string push_topic{};  // of Apple's push; empty: not offered
  // What clients known by their ID get otherwise; null: ours.
  std::shared_ptr<const imap::ClientRules> client_rules{};
  // What searches read messages with; null: on the lane. It outlives the sessions.
  store::TextSearch* text_search = nullptr;
  base::Millis progress_every{10'000};  // of a long command (RFC 9585)
  int compress_level = 3;               // COMPRESS=DEFLATE: 1 to 9; 0: not offered
  base::Millis compress_rest{1'000};    // a compressed session that is silent for so long gives its windows back
};

struct SessionStart {
  SessionId id;
  std::string tag;    // of the LOGIN or AUTHENTICATE to be answered; empty: PREAUTH
  std::string input;  // octets the gateway has read and not consumed
  std::vector<std::pair<std::string, std::string>> id_fields;  // ID given before login, for the log
  std::function<void(std::string client)> named{};    // told what the client calls itself by ID after login; may be empty
  imap::Language language = imap::Language::Default;  // chosen before login
  OtherUsers* others = nullptr;                       // null: nothing of others is shown
  // Told what the session itself brought into a mailbox, with the token of the device that it registered for Apple's push:
  // a phone needs no push for what it has done. May be empty.
  std::function<void(const std::string& token, MailboxId in, uint32_t first_uid, uint32_t last_uid)> own_arrivals{};
};

struct DecodedPart;
class Notifier;
// What a client has asked UIDBATCHES for (RFC 10022 section 3.1.1), and the mailbox as it was then.
struct BatchHistory {
  uint32_t uid_next = 1, exists = 0;
  std::vector<imap::UidBatches> asked;
};

class Session : private store::SearchProgress {
 public:
  Session(std::unique_ptr<net::Stream> stream, std::shared_ptr<store::Account> account, SessionStart start,
          const SessionConfig& config, base::Clock& clock);
  ~Session();
  Session(const Session&) = delete;

  Task<void> run();  // through serve(): the object must outlive the task
  // Ends the session with BYE: at once when it waits for the client, else behind the running command.
  void stop(std::string text);
  const SessionId& id() const { return start_.id; }

  // --- for the commands ---
  store::Account& account() { return *account_; }  // the user's own
  const std::shared_ptr<store::Account>& account_ptr() const { return account_; }
  // Whose mailbox is selected: what its messages are asked of.
  store::Account& mailbox_account() { return *selected_.account; }
  const Place& selected_place() const { return selected_; }
  // What the user may do with the selected mailbox, as of now.
  store::Rights rights() { return rights_in(*this, *selected_.account, mailbox_->info()); }
  AccountId foreign_owner() const { return selected_.own() ? AccountId() : selected_.account->id(); }
  OtherUsers* others() const { return start_.others; }
  // The account of an owner whom the session has reached already, as long as somebody has it.
  std::shared_ptr<store::Account> reached(const std::string& owner) const;
  void keep_reached(const std::string& owner, const std::shared_ptr<store::Account>& account) { reached_[owner] = account; }
  net::Loop& loop() { return stream_->loop(); }
  const SessionConfig& config() const { return config_; }
  base::Clock& clock() { return clock_; }
  imap::Framer& framer() { return framer_; }
  std::string& out() { return out_; }
  const std::string& tag() const { return tag_; }

  bool selected() const { return view_ != nullptr; }
  store::View& view() { return *view_; }
  store::Mailbox& mailbox() { return view_->mailbox(); }
  const store::MailboxPtr& mailbox_ptr() const { return mailbox_; }
  bool read_only() const { return read_only_; }
  void select(Place place, store::MailboxPtr mailbox, bool examine);
  std::string permanent_flags();  // the response code
  void unselect();

  bool condstore() const { return condstore_; }
  void enable_condstore();  // tells HIGHESTMODSEQ of the selected mailbox when it is new
  bool qresync() const { return qresync_; }
  void enable_qresync() { qresync_ = true; }  // VANISHED instead of EXPUNGE from now on
  bool uid_only() const { return uid_only_; }
  void enable_uid_only() {  // RFC 9586: no message numbers from now on
    uid_only_ = true;
    contexts_.speak_uids();
  }

  // What others change of annotations is told: all of it after ENABLE METADATA (RFC 5464 section 4.4), or what NOTIFY
  // names.
  bool metadata() const { return metadata_; }
  void enable_metadata() {
    metadata_ = true;
    listen_to_annotations();
  }
  // Who "others" are not; may be null.
  const store::Mailbox::Subscription& annotation_news() const { return annotation_news_; }

  // What "$" stands for, as UIDs (RFC 5182); some may be gone. Empty again with every SELECT.
  const UidSet& saved_result() const { return saved_result_; }
  void save_result(UidSet uids) { saved_result_ = std::move(uids); }

  // What BINARY decoded last (commands/fetch_binary.h); may be null.
  std::unique_ptr<DecodedPart>& decoded_part() { return decoded_part_; }
  BatchHistory& batch_history() { return batch_history_; }

  void start_compression() { compress_next_ = true; }  // of everything behind the running command's tagged response
  const Compression* compression() const { return compression_.get(); }
  std::string capabilities() const;  // what this client is offered now, without the word CAPABILITY
  bool offers(std::string_view capability) const;
  // ID: the client is one of these from now on.
  void identify(const imap::IdFields& id);

  bool utf8_accept() const { return utf8_accept_; }  // ENABLE UTF8=ACCEPT (RFC 6855)
  void enable_utf8_accept() { utf8_accept_ = true; }
  bool rev2() const { return rev2_; }  // ENABLE IMAP4rev2 (RFC 9051)
  void enable_rev2() { rev2_ = true; }
  // The client reads UTF-8 in quoted strings, its names of mailboxes are UTF-8: either of the two.
  bool utf8() const { return utf8_accept_ || rev2_; }
  // \Recent is no flag of IMAP4rev2 (Appendix E, 12).
  bool shows_recent(uint32_t uid) const { return !rev2_ && view_->is_recent(uid); }

  // ID: at most one line, and the first one only.
  void client_named(std::string client) {
    if (client.empty()) return;
    if (auto named = std::exchange(start_.named, nullptr)) named(std::move(client));
  }
  Contexts& contexts() { return contexts_; }
  void announce_keywords();  // rule 5
  void announce_url_key();   // "* OK [URLMECH ...]" when the mailbox has a new one (RFC 4467)
  void url_key_told() { told_url_key_ = mailbox_->url_key_resets(); }
  // Appends the news of the selected mailbox to out(); everything: whatever NOTIFY says.
  void report(store::View::Expunges expunges, bool everything = false);
  // The same and what NOTIFY asked for besides: other mailboxes, and FETCH responses of new messages, for which it may
  // wait.
  Task<void> tell(store::View::Expunges expunges);
  // NOTIFY SET or NONE from now on.
  void set_notifier(std::unique_ptr<Notifier> notifier);
  Notifier* notifier() { return notifier_.get(); }  // null: there was no NOTIFY
  // The session's own work, of which NOTIFY does not tell (RFC 5465 section 5): new messages, and the changes of a mailbox.
  void own_new(const store::Account& of, MailboxId in, uint32_t first_uid, uint32_t last_uid, uint64_t first_modseq,
               uint64_t last_modseq);
  const UidSet& own_new_messages() const { return own_new_; }  // of the selected mailbox, not told yet
  // XAPPLEPUSHSERVICE: the session is this device's.
  void pushes_to(std::string token) { push_token_ = std::move(token); }
  // EXPUNGE responses are the answer to the running command, whatever NOTIFY says.
  void answers_by_news() { answers_by_news_ = true; }
  void log_out() { logged_out_ = true; }

  // False: the connection is gone or must end; the command stops without a reply.
  Task<bool> flush();
  Task<bool> flush_if_large();
  bool wants_flush() const { return broken_ || out_.size() >= config_.write_at; }  // flush_if_large() has something to do
  uint64_t flushed() const { return flushed_; }                                    // octets written so far
  // How far the running command is; tells the client when it has not heard of it for a while (RFC 9585). False: the
  // session ends, nobody waits for the command.
  Task<bool> in_progress(uint64_t done, uint64_t goal);
  store::SearchAids search_aids() { return {config_.text_search, this}; }
  // Reads once and feeds the framer.
  Task<bool> read_more(base::Millis timeout);
  bool ended() const { return ended_; }
  void bye(std::string_view text, std::string_view code = {});
  void bye_as_asked() { bye(stop_text_); }  // when stop_requested()

  // --- for IDLE ---
  enum class Waited : unsigned char { Input, Woken, TimedOut, Closed };
  Task<Waited> wait(base::Millis timeout);
  void wake() { wakeup_.fire(); }
  bool stop_requested() const { return !stop_text_.empty(); }
  void run_next(std::string line) { next_line_ = std::move(line); }  // before anything else that is buffered
  std::string set_tag(std::string tag) { return std::exchange(tag_, std::move(tag)); }
  void write_tagged(const Reply& reply);
  // An untagged status response; `text` is English and goes out in the session's language.
  void say(imap::Condition condition, std::string_view code, std::string_view text);
  void set_language(imap::Language language) { start_.language = language; }

 private:
  Task<bool> reached(uint64_t done, uint64_t total) override { return in_progress(done, total); }
  Task<void> next_step();
  bool has_news() const;
  void take_news(const store::Changes& changes, uint32_t old_last_uid);
  Task<Waited> wait_for_more_news();
  Task<Waited> wait_for_input(base::Millis timeout);
  Task<void> step(imap::Framer::Event event);
  Task<void> run_command(std::string_view text);
  Task<Reply> dispatch(const imap::Command& command);
  void refuse(std::string tag, std::string_view text);
  void annotations_changed(MailboxId mailbox, const store::AnnotationChanges& changes);
  void report_annotations();
  void listen_to_annotations();
  void greet();
  void check_rights();

  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Compression> compression_;  // over stream_
  bool compress_next_ = false;                // behind the running command
  std::shared_ptr<store::Account> account_;
  SessionStart start_;
  SessionConfig config_;
  base::Clock& clock_;
  imap::Framer framer_;
  std::string out_;
  uint64_t flushed_ = 0;
  std::string tag_;
  std::map<std::string, std::weak_ptr<store::Account>> reached_;
  Place selected_;
  store::Rights told_rights_ = 0;  // on the selected mailbox
  // Of a selected mailbox of another user, for NOTIFY, whose own news are of the user's account.
  store::Mailbox::Subscription foreign_news_;
  bool foreign_changed_ = false;
  bool examine_ = false;
  store::MailboxPtr mailbox_;
  std::unique_ptr<store::View> view_;
  bool read_only_ = false;
  bool condstore_ = false, qresync_ = false, utf8_accept_ = false, uid_only_ = false, rev2_ = false;
  bool metadata_ = false;
  store::Mailbox::Subscription annotation_news_;
  std::map<MailboxId, std::set<std::string>> changed_annotations_;  // not told yet
  size_t changed_count_ = 0;                                        // names in it
  std::vector<std::string> hidden_;                                 // capabilities, from this client
  bool named_ = false;                                              // the client has said what it is
  UidSet saved_result_;
  std::unique_ptr<DecodedPart> decoded_part_;
  BatchHistory batch_history_;
  Contexts contexts_;
  std::unique_ptr<Notifier> notifier_;
  UidSet new_messages_, own_new_;  // of the view: to be fetched for NOTIFY; appended by the session itself
  UidSet untold_flags_;            // changed, and not wanted by NOTIFY
  bool answers_by_news_ = false;
  base::MonoTime next_progress_{};  // of the running command
  std::string push_token_;          // empty: no device registered by this session
  size_t announced_keywords_ = 0;
  uint64_t told_url_key_ = 0;
  unsigned bad_in_a_row_ = 0;
  bool uid_command_ = false;  // the running command is a UID one
  bool logged_out_ = false;
  bool ended_ = false;   // no further command
  bool broken_ = false;  // the connection takes nothing more
  std::string stop_text_;
  std::string next_line_;
  base::Wakeup wakeup_;
};

// Runs a session and keeps it alive meanwhile; shared, so that whoever may have to stop() it can hold a weak_ptr.
Task<void> serve(std::shared_ptr<Session> session);

}  // namespace bz::imapd
