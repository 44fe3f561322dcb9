// IMAP before login: CAPABILITY, NOOP, ID, LANGUAGE, STARTTLS, LOGIN, AUTHENTICATE, LOGOUT (RFC 3501 6.1, 6.2; RFC 2971;
// RFC 4959; RFC 5255).
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "imap/framer.h"
#include "imap/language.h"
#include "imap/parser.h"
#include "login/sasl_exchange.h"

namespace bz::login {

class ImapFront : private Prompter {
 public:
  explicit ImapFront(Client& client);
  // From the greeting to the hand-over or the end.
  Task<FrontEnd> run();

 private:
  enum class Next : uint8_t { Go, HandedOver, End };
  Task<Result<Next>> step();
  Task<Result<Next>> command(std::string_view text);
  Task<Result<Next>> dispatch(const imap::ParsedCommand& parsed, const imap::Command& command);
  Task<Result<Next>> start_tls(std::string tag);
  Task<Result<Next>> login(std::string tag, const imap::Login& login);
  Task<Result<Next>> authenticate(std::string tag, const imap::Authenticate& command);
  Task<Result<Next>> conclude(std::string tag, wire::SaslStart start);
  Task<Result<Next>> pass_on(std::string tag, SaslOutcome outcome, std::string mechanism);
  Next refuse(const std::string& tag, const SaslOutcome& outcome);
  Next bad(std::string_view tag, std::string_view text);
  void id(const std::string& tag, const imap::Id& id);
  void language(const std::string& tag, const imap::SetLanguage& command);
  // A status response; `text` is English and goes out in the client's language. tag "": untagged.
  void say(std::string_view tag, imap::Condition condition, std::string_view code, std::string_view text);
  std::string described() const;
  std::string capabilities() const;
  bool offers(std::string_view mechanism) const;
  Task<Result<std::string>> ask(std::string_view challenge) override;

  Client& client_;
  imap::Framer framer_;
  std::vector<std::pair<std::string, std::string>> id_pairs_;
  imap::Language language_ = imap::Language::Default;
  std::unique_ptr<net::Stream> leg_;
  std::string end_ = "logout";
};

}  // namespace bz::login
