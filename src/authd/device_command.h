// The administrator's commands about devices, as in commands.h:
//
//   device add ACCOUNT --name NAME [--protocols imap,pop3,submission] [--expires 2027-01-01|90d]
//       [--secrets KIND,...|none]                    makes a password, shown this once
//       [--fingerprint SHA256 | --certificate-stdin]  binds a certificate instead: by its digest, or PEM as input
//   device list ACCOUNT
//   device revoke ACCOUNT NAME
//   device only ACCOUNT on|off     on: the account's own password opens no mail protocol
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authd/service.h"

namespace bz::authd {

struct ParsedDeviceCommand {
  std::string verb;
  std::vector<std::string> names{};
  bool json = false, certificate = false;
  std::optional<std::string> name{}, protocols{}, expires{}, secrets{}, fingerprint{};
};
Result<ParsedDeviceCommand> parse_device_command(const std::vector<std::string>& arguments);
// "2027-01-01" is the first day it is refused on (UTC); "90d" days and "12h" hours from now. Unix seconds, behind `now`.
Result<int64_t> parse_expiry(std::string_view text, int64_t now);
std::string time_text(int64_t unix_seconds);  // "2027-01-01 00:00Z"

// Runs one command and then dies.
class DeviceCommand {
 public:
  DeviceCommand(Service& service, wire::ControlRequest request) : service_(service), request_(std::move(request)) {}
  Task<wire::ControlAnswer> run();

 private:
  using Text = Result<std::string>;
  struct Who {
    AccountId id;
    std::string name;
  };
  // `gone`: an account is found by its devices, too, where its own directory does not know it or does not answer.
  Task<Result<Who>> account(bool gone);
  Task<Text> add();
  Task<Text> list();
  Task<Text> revoke();
  Task<Text> only();
  Result<std::string> certificate() const;
  Task<Result<Secret>> make_secrets(std::string login, Secret password);

  Service& service_;
  wire::ControlRequest request_;
  ParsedDeviceCommand command_;
};

}  // namespace bz::authd
