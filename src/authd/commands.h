// The administrator's commands that auth answers. Arguments as on the command line, standard input as `input`:
//
//   account add NAME [--password-stdin] [--name TEXT] [--quota SIZE] [--messages N] [--mailboxes N] [--secrets
//   KIND,...|none]
//       [--send-as ADDRESS,...]          password: first line of input
//   account passwd NAME [--password-stdin] [--secrets KIND,...|none]
//       KIND: what to store beside Argon2id and SCRAM-SHA-256 (directory::SecretKind); without --secrets a new account gets
//       the configured ones (auth.secrets), an old one keeps its own
//   account list [--all]
//   account show NAME
//   account disable|enable|remove|purge NAME
//   account quota NAME [SIZE] [--messages N] [--mailboxes N]
//       "500M", "2G"; 0 is the mail store's default; what is not named stays as it is
//   account send-as NAME [ADDRESS...]  replaces the list of further From addresses; "*": anybody
//   account route NAME SERVER|-        the mailbox is on a [[server]] of the configuration
//   alias add ADDRESS ACCOUNT...
//   alias remove ADDRESS [ACCOUNT]
//   alias list
//   directory test USER [--password-stdin]   a look-up and login told step by step; status 1: it would not succeed
//   guard list                        networks, addresses and accounts under suspicion
//   guard stale [--all]               devices that keep saying a wrong password; --all: said once, too
//   guard allow|deny NETWORK [--for TIME]   until the time ("90s", "10m", "2h", "5d") or the end of auth
//   guard forget ADDRESS|NETWORK|ACCOUNT
// and --json everywhere. Exit status: 0 done, 1 refused, 2 usage.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authd/service.h"

namespace bz::authd {

struct ParsedCommand {
  std::string noun, verb;          // "account", "add"
  std::vector<std::string> names;  // positional arguments behind them
  bool json = false, all = false;
  std::optional<std::string> display_name{}, quota{}, messages{}, mailboxes{}, secrets{}, send_as{}, time{};
};
// Invalid: a text for the user, to be followed by the usage.
Result<ParsedCommand> parse_command(const std::vector<std::string>& arguments);
std::string command_usage();

std::optional<base::Millis> parse_time(std::string_view text);  // "90s", "10m", "2h", "5d"; more than nothing, 365d at most
std::optional<uint64_t> parse_quota(std::string_view text);     // bytes; K, M, G, T are powers of 1024
Result<Secret> password_from(std::string_view input);           // its first line, without CR and LF
std::string joined(const std::vector<std::string>& list, std::string_view between);
std::string json_text(std::string_view text);  // quoted and escaped, RFC 8259
std::string json_of(const directory::Account& account);

// Runs one command and then dies. Errors of the directory become exit status 1 and their text.
class Commands {
 public:
  Commands(Service& service, wire::ControlRequest request) : service_(service), request_(std::move(request)) {}
  Task<wire::ControlAnswer> run();

 private:
  using Text = Result<std::string>;  // what goes to standard output
  Task<Text> account();              // account_command.cc
  Task<Text> account_add();
  Task<Text> account_passwd();
  Task<Text> account_list();
  Task<Text> account_state(directory::State state);
  Task<Text> account_purge();
  Task<Text> account_quota();
  Result<directory::Quota> wanted_quota(const std::optional<std::string>& size, directory::Quota otherwise) const;
  Task<Text> account_send_as();
  Task<Text> account_route();
  Task<Text> alias();
  Task<Result<directory::Secrets>> make_secrets(std::string account, directory::SecretKinds kinds);
  Task<Text> directory_test();  // directory_test_command.cc
  Task<void> explain_ntlm(std::vector<directory::Finding>& steps, std::string user, std::optional<Secret> password);
  Task<Text> guard();  // guard_command.cc
  Text guard_list() const;
  Text guard_stale() const;
  std::string done(std::string_view what, const directory::Account& account) const;

  Service& service_;
  wire::ControlRequest request_;
  ParsedCommand command_;
  uint32_t status_ = 0;  // of a command whose output is good whatever it says
};

}  // namespace bz::authd
