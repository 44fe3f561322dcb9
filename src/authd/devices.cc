// Devices with passwords and certificates of their own (directory/device.h) in the course of an exchange, and the sessions
// they have. What a device may is judged when its secret has been proved, so that nobody else learns of it.
#include <algorithm>

#include "authd/exchange.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/ticket.h"

namespace bz::authd {

namespace {

constexpr base::Millis kCountingTime{500};

directory::DeviceProtocol protocol_of(wire::Service service) {
  using enum directory::DeviceProtocol;
  return service == wire::Service::Imap ? Imap : service == wire::Service::Pop3 ? Pop3 : Submission;
}

std::string_view shown_name(wire::Service service) {
  return service == wire::Service::Imap ? "IMAP" : service == wire::Service::Pop3 ? "POP3" : "submission";
}

// For a terminal; what a client calls itself may be anything.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, directory::kMaxDeviceText));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

}  // namespace

struct Service::Counting {
  size_t missing = 0;
  DeviceSessions sessions{};
  std::set<PeerId> answered{};
  base::Completion<bool>::Promise done;
};

// Within an exchange ---------------------------------------------------------------------------------------------------

std::string Service::choose_device(Exchange& x, std::string_view login) const {
  auto [user, label] = directory::chosen_device(login);
  x.own_device.chosen = std::move(label);
  return std::move(user);
}

// True: a device's password. Else the account's own decides, unless it may not: then the record becomes nobody's, and the
// attempt takes the course and the time of any other wrong one.
Task<Result<bool>> Service::try_devices(ExchangePtr x, directory::LoginRecord& record, const Secret& password) {
  auto reading = directory_.devices().book(record.account.id);
  BZ_CO_TRY(directory::DeviceBook book, co_await std::move(reading));
  const directory::Device* device = book.open(password, x->own_device.chosen);
  if (device != nullptr) {
    x->known = true;
    x->own_device.number = device->number;
    x->password.clear();  // no other server knows this one
    co_return true;
  }
  const bool revoked = record.check == directory::LoginRecord::Check::Source && book.next_number > 1 &&
                       directory::is_printed_device_password(password.reveal());
  if (x->own_device.chosen.empty() && !book.devices_only && !revoked) co_return false;
  x->detail = !x->own_device.chosen.empty() ? "not the password of such a device"
              : book.devices_only           ? "not the password of a device, and the account's own is not taken"
                                            : "a device password that is none (any more); the directory was not asked";
  x->known = record.known = false;
  record.check = directory::LoginRecord::Check::Argon2id;
  record.secrets = directory_.decoy(x->user);
  co_return false;
}

// SCRAM and its like show a salt before the client has proved anything: the name says whose. A device that is not there has
// one, too, and always the same.
Task<Result<void>> Service::take_device_keys(ExchangePtr x, directory::LoginRecord& record) {
  auto reading = directory_.devices().book(record.account.id);
  BZ_CO_TRY(directory::DeviceBook book, co_await std::move(reading));
  const std::string& label = x->own_device.chosen;
  if (label.empty()) {
    if (book.devices_only) {
      record.known = false;
      x->detail = "the account's own password is not taken";
    }
    co_return Result<void>();
  }
  record.secrets = directory_.decoy(x->user + "/" + label);
  record.known = false;
  const directory::Device* device = book.by_label(label);
  if (device == nullptr || device->secrets.empty()) {
    x->detail = "no such device, or without a secret for this mechanism";
    co_return Result<void>();
  }
  BZ_CO_TRY(directory::Secrets secrets, directory::Secrets::decode(device->secrets.reveal()));
  record.secrets.credentials.take(std::move(secrets.credentials));
  record.known = x->known = true;
  x->own_device.number = device->number;
  co_return Result<void>();
}

// A certificate with a row stands for that device and for nothing else, whatever names are in it. nullopt: it has no row.
Task<std::optional<sasl::Step>> Service::find_certificate_device(ExchangePtr x, std::string user, std::string sha256_hex) {
  auto looking = directory_.devices().certificate(base::from_hex(sha256_hex).value_or(std::string()));
  auto row = co_await std::move(looking);
  if (!row) co_return x->fail_for_now(row.error());
  if (!*row) co_return std::nullopt;
  if ((*row)->revoked) {
    x->detail = "the certificate's device was revoked";
    co_return x->machine->identified(std::nullopt);
  }
  auto asking = source_.by_id((*row)->account);
  auto account = co_await std::move(asking);
  if (!account && account.error().code() != Errc::NotFound) co_return x->fail_for_now(account.error());
  const directory::ChosenDevice said = directory::chosen_device(user);
  if (!account || (!user.empty() && directory_.login_name(said.user) != account->name)) {
    x->detail = !account ? "the certificate's account is gone" : "the certificate is of " + account->name;
    co_return x->machine->identified(std::nullopt);
  }
  x->know_user(account->name);
  x->account = std::move(*account);
  x->known = true;
  auto binding = directory_.binding(x->account.id);
  auto bound = co_await std::move(binding);
  x->source = bound ? bound->source : std::string(directory_.name());
  x->own_device.number = (*row)->device;
  const bool active = x->account.state == directory::State::Active;
  std::string name = x->account.name;
  co_return x->machine->identified(active ? std::optional(std::move(name)) : std::nullopt);
}

// Read again, as the account is: a device that was revoked since gets no ticket.
Task<std::optional<Service::Refusal>> Service::check_device(ExchangePtr x) {
  if (x->own_device.number == 0) co_return std::nullopt;
  auto reading = directory_.devices().book(x->account.id);
  auto book = co_await std::move(reading);
  if (!book) co_return Refusal{kTemporaryKind, book.error().to_string()};
  const directory::Device* device = book->by_number(x->own_device.number);
  if (device == nullptr) co_return Refusal{kRefusedKind, "the device was revoked"};
  if (device->expired(world_.clock.unix_seconds())) {
    log::event(log::Info, "device_expired").field("account", x->account.name).field("device", device->label);
    co_return Refusal{kNotAllowedKind, "The password or certificate of this device has expired"};
  }
  if (!device->allows(protocol_of(x->start.service)))
    co_return Refusal{kNotAllowedKind, "This device may not use " + std::string(shown_name(x->start.service))};
  x->own_device.label = device->label;
  co_return std::nullopt;
}

void Service::note_device_use(const Exchange& x) {
  if (x.own_device.number == 0) return;
  directory::DeviceUse use{world_.clock.unix_seconds(), printable(x.start.client_address), printable(x.start.client_id)};
  tasks_.spawn(directory_.devices().used(x.account.id, x.own_device.number, std::move(use)));
}

// Sessions -------------------------------------------------------------------------------------------------------------

void Service::end_device_sessions(AccountId account, const std::string& label, const std::string& reason) {
  log::event(log::Info, "end_sessions").field("id", account.value()).field("device", label).field("reason", reason);
  const std::string payload = wire::EndSessions{account.value(), label, reason}.encode();
  for (const PeerId& peer : peers_) send(peer, wire::Type::EndSessions, payload);
}

// For a ticket signed just before, as end_late_sessions().
Task<void> Service::end_late_device_sessions(AccountId account, std::string label) {
  auto waiting = world_.sleep(base::Millis(crypto::kTicketLifeMs + 500));
  co_await std::move(waiting);
  auto reading = directory_.devices().book(account);
  auto book = co_await std::move(reading);
  if (book && book->by_label(label) == nullptr) end_device_sessions(account, label, "the device is revoked");
}

// The gateways know: every session passes one of them.
Task<DeviceSessions> Service::live_sessions(AccountId account) {
  const uint64_t id = ++last_counting_;
  base::Completion<bool> done;
  auto counting = std::make_shared<Counting>(Counting{.done = done.promise()});
  for (const PeerId& peer : peers_)
    if (peer.role == "gateway") ++counting->missing;
  if (counting->missing == 0) co_return DeviceSessions{};
  counting_[id] = counting;
  const std::set<PeerId> peers = peers_;
  for (const PeerId& peer : peers)
    if (peer.role == "gateway") send(peer, wire::Type::AskSessions, wire::AskSessions{id, account.value()}.encode());
  tasks_.spawn(give_up_counting(id));
  auto all = co_await done;
  counting_.erase(id);
  counting->sessions.complete = all && *all;
  co_return std::move(counting->sessions);
}

Task<void> Service::give_up_counting(uint64_t id) {
  auto waiting = world_.sleep(kCountingTime);
  co_await std::move(waiting);
  auto it = counting_.find(id);
  if (it == counting_.end()) co_return;
  auto counting = it->second;
  counting->done.set(false);
}

void Service::sessions_counted(const PeerId& from, std::string_view payload) {
  auto told = wire::AccountSessions::decode(payload);
  if (!told) return drop_message(from, "AccountSessions", told.error());
  auto it = counting_.find(told->id);
  if (it == counting_.end() || !it->second->answered.insert(from).second) return;
  auto counting = it->second;
  for (std::string& device : told->devices) ++counting->sessions.count[std::move(device)];
  if (--counting->missing == 0) counting->done.set(true);
}

void Service::client_named(const PeerId& from, std::string_view payload) {
  auto named = wire::ClientNamed::decode(payload);
  if (!named) return drop_message(from, "ClientNamed", named.error());
  tasks_.spawn(write_client_name(std::move(*named)));
}

Task<void> Service::write_client_name(wire::ClientNamed named) {
  const AccountId account(named.account_id);
  if (!account.is_set()) co_return;
  auto reading = directory_.devices().book(account);
  auto book = co_await std::move(reading);
  const directory::Device* device = book ? book->by_label(named.device) : nullptr;
  if (device == nullptr) co_return;
  auto naming = directory_.devices().named(account, device->number, printable(named.client_id));
  co_await std::move(naming);
}

}  // namespace bz::authd
