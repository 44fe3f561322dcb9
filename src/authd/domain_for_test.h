// For tests: a Windows domain and the helpers that ask it, over real sockets. Its challenges are random, its verdicts come
// from NT hashes by [MS-NLMP], wrong passwords are counted and lock an account: a second implementation of what winbind and
// a domain controller do, as far as logins see it.
#pragma once
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "net/channel.h"
#include "net/stream.h"
#include "sasl/ntlm.h"

namespace bz::authd {

namespace ntlm = sasl::ntlm;

struct FakeDomain {
  struct User {
    std::string password = "pencil";
    unsigned wrong = 0;
    bool disabled = false;
  };
  net::Loop& loop;
  std::map<std::string, User> users{{"ana", {}}, {"eva", {}}};
  unsigned lock_after = 5;
  char separator = '\\';
  std::string refusal{};  // says so to every AUTHENTICATE
  std::string instead{};  // says so, whatever it is asked
  bool silent = false;    // says nothing
  bool dies = false;      // ends when it is asked
  size_t challenges = 0, verdicts = 0;
  net::TaskGroup tasks{loop};

  // One more process; the socket of the one who asks.
  net::OwnedFd start() {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    tasks.spawn(serve(ends->first));
    return net::OwnedFd(ends->second);
  }

 private:
  Task<void> serve(int fd) {
    net::Stream stream(loop, fd);
    std::string lines, negotiate, challenge;
    for (;;) {
      const size_t end = lines.find('\n');
      if (end == lines.npos) {
        char buffer[4096];
        auto reading = stream.read_some(buffer, net::Deadline::never());
        auto size = co_await std::move(reading);
        if (!size || *size == 0) co_return;
        lines.append(buffer, *size);
        continue;
      }
      const std::string line = lines.substr(0, end);
      lines.erase(0, end + 1);
      if (dies) co_return;
      if (silent) continue;
      auto message = base::from_base64(std::string_view(line).substr(3));
      std::string answer = "BH NT_STATUS_INVALID_PARAMETER";
      if (message && line.starts_with("YR ")) {
        negotiate = *message, challenge = make_challenge();
        answer = "TT " + base::base64(challenge);
      } else if (message && line.starts_with("KK ") && !challenge.empty()) {
        answer = judge(*message, challenge);
        challenge.clear();
      }
      answer = (instead.empty() ? answer : instead) + "\n";
      auto writing = stream.write_all(answer, net::Deadline::never());
      auto written = co_await std::move(writing);
      if (!written) co_return;
    }
  }
  std::string make_challenge() {
    ++challenges;
    ntlm::ChallengeMessage m{.flags = ntlm::kUnicode | ntlm::kNtlm | ntlm::kTargetInfo,
                             .target = "OFFICE",
                             .server_challenge = base::system_random().bytes(8),
                             .target_info = {}};
    m.target_info = {{ntlm::Av::NbDomainName, ntlm::to_utf16("OFFICE")},
                     {ntlm::Av::NbComputerName, ntlm::to_utf16("MAIL")}};
    return m.encode();
  }
  std::string judge(std::string_view message, std::string_view challenge) {
    ++verdicts;
    if (!refusal.empty()) return refusal;
    auto said = ntlm::parse_authenticate(message);
    auto response = said ? ntlm::parse_response(said->nt_response) : Result<ntlm::Response>(said.error());
    if (!response) return "NA NT_STATUS_INVALID_PARAMETER";
    auto it = users.find(base::lower(said->user.substr(0, said->user.find('@'))));
    if (it == users.end()) return "NA NT_STATUS_NO_SUCH_USER";
    User& user = it->second;
    if (user.wrong >= lock_after) return "NA NT_STATUS_ACCOUNT_LOCKED_OUT";
    const Secret key =
        ntlm::response_key(Secret(ntlm::nt_hash(Secret(std::string(user.password)))), said->user, said->domain);
    if (ntlm::proof(key, challenge.substr(24, 8), response->temp) != response->proof) {
      ++user.wrong;
      return "NA NT_STATUS_WRONG_PASSWORD";
    }
    if (user.disabled) return "NA NT_STATUS_ACCOUNT_DISABLED";
    user.wrong = 0;
    return std::string("AF OFFICE") + separator + it->first;
  }
};

}  // namespace bz::authd
