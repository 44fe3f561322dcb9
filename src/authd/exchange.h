// The state of one SASL exchange. Private to this room.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "authd/service.h"

namespace bz::authd {

// The kinds of SaslFail that more than one file says.
inline constexpr uint8_t kRefusedKind = 0, kTemporaryKind = 1, kNotOfferedKind = 3, kNotAllowedKind = 4;

struct Service::Exchange {
  PeerId peer;
  wire::SaslStart start;
  base::MonoTime began;
  std::unique_ptr<sasl::ServerMechanism> machine{};
  std::shared_ptr<gss::Context> gss{};  // GSSAPI, GSS-SPNEGO; shared with the call on the pool, which may outlive us
  std::unique_ptr<NtlmHelpers::Conversation> ntlm{};                // while a domain judges
  std::unique_ptr<net::Loop::Timer> ntlm_patience{};                // with a client that has a helper and the word
  std::optional<base::Completion<std::string>::Promise> waiting{};  // set while the client has the word
  bool abandoned = false;                                           // nobody wants the answer any more

  std::string user{};            // as the directory would call it
  std::string detail{};          // why a token or certificate is not good: for the log
  directory::Account account{};  // when known
  bool known = false;
  std::string source{};    // the directory that knows the account
  bool cached = false;     // the password was right within the last hour
  bool temporary = false;  // the failure is ours, not the client's
  uint64_t fingerprint = 0;
  std::string device{};  // what the client calls itself, printable
  bool trusted = false;
  bool stranger = false;     // the account has not logged in from there before
  bool suspect = false;      // failures of its place or address
  bool from_memory = false;  // only a password that was right not long ago gets in
  bool guess = false;        // a temporary failure that counts as one
  Secret password{};         // of PLAIN and LOGIN, for a server that wants it; kept only while there are routes
  base::Millis delay{0};
  struct {
    std::string chosen{};  // label behind the login name
    uint64_t number = 0;   // which one it is, if the exchange ends well; 0: the account itself
    std::string label{};   // of that one, set before the ticket is signed
  } own_device{};

  // Places in the lines it had to wait in; the account's is asked for first, so that nobody waits for one another.
  std::shared_ptr<Turnstile> line{};  // of the account
  Turnstile::PlacePtr turn{}, place{};

  void know_user(std::string name) { user = std::move(name); }
  directory::Attempt attempt() const {
    return {start.client_address, user, device, fingerprint, known ? std::string_view(account.name) : ""};
  }
  sasl::Step fail_for_now(const Error& error) {
    temporary = true;
    return sasl::Failure{sasl::Failure::Why::Refused, error.to_string()};
  }
  void end_waiting(const Error& why) {
    if (!waiting) return;
    auto promise = *std::exchange(waiting, std::nullopt);
    promise.set(why);
  }
  void abandon() {
    abandoned = true;
    end_waiting(fail(Errc::Cancelled, "the client went away"));
  }
};

// Counts an exchange of an address while it lives; an empty address is not counted.
class AtWork {
 public:
  using Table = std::map<std::string, size_t, std::less<>>;
  AtWork(Table& table, std::string address) : table_(table), address_(std::move(address)) {
    if (!address_.empty()) ++table_[address_];
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() {
    auto it = address_.empty() ? table_.end() : table_.find(address_);
    if (it != table_.end() && --it->second == 0) table_.erase(it);
  }

 private:
  Table& table_;
  std::string address_;
};

// Is this the password of the record? For the pool: slow on purpose. Not of a record that its source checks. A wrong one
// costs an Argon2id whatever the account's verifier costs: unknown users do, too.
std::function<Result<bool>()> verification(const directory::LoginRecord& record, const Secret& password);

// GSSAPI service names (RFC 4422 section 4).
std::string_view sasl_service(wire::Service service);
// Printable ASCII of what the client calls itself; a gateway that was taken over may send anything.
std::string device_of(const wire::SaslStart& start);

// A message of a peer that is not understood or not his to send: logged, dropped.
void drop_message(const PeerId& from, std::string_view what, const Error& error);

}  // namespace bz::authd
