// What roles may ask of the supervisor, role admin before all: files of certificates and staples that the configuration
// gives to it, and the hook that the configuration names. Its words are checked; see issued.h.
#include <algorithm>

#include "app/issued.h"
#include "app/supervisor.h"
#include "base/log.h"
#include "base/text.h"

namespace bz::app {
namespace {

constexpr size_t kMaxName = 260, kMaxValue = 255;

bool is_plain(std::string_view text, size_t limit) {
  return !text.empty() && text.size() <= limit && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

// "-" may begin a digest in base64url.
bool is_value(std::string_view text) { return is_plain("v" + std::string(text), kMaxValue); }

uint64_t id_of(const net::Message& message) {
  // The id is the first field of each question.
  auto record = wire::Done::decode(message.payload);
  return record ? record->id : 0;
}

}  // namespace

void Supervisor::give_http_doors(Child& child) {
  for (auto& [name, socket] : http_doors_.copies()) {
    std::vector<net::OwnedFd> fds;
    fds.push_back(std::move(socket));
    child.send(wire::Type::ListenerFd, wire::NamedBytes{name, {}}.encode(), std::move(fds));
  }
}

void Supervisor::on_asked(Child& child, const net::Message& message) {
  const auto type = static_cast<wire::Type>(message.type);
  if (child.role().name == "connector" && type == wire::Type::Connect) return begin_inner(child, message);
  if (child.role().name == "connector" && type == wire::Type::TicketKeys) return take_tickets(child, message);
  if (child.role().name == "connector" && type == wire::Type::InstallCertificate) return install_node_of(child, message);
  if (child.role().name == "inner" && type == wire::Type::ForgetTickets) return forget_tickets();
  if (child.role().name == "admin" && (type == wire::Type::InstallCertificate || type == wire::Type::InstallStaple)) {
    auto installed = install(message);
    answer_admin(id_of(message), installed);
    if (installed) reload(type == wire::Type::InstallStaple ? "a staple has come" : "a certificate has been issued");
    return;
  }
  if (child.role().name == "admin" && type == wire::Type::RunHook) {
    auto hook = wire::RunHook::decode(message.payload);
    if (hook) return run_hook(std::move(*hook));
    log::event(log::Err, "role_message_refused").field("role", child.name()).error(hook.error());
    return;
  }
  log::event(log::Err, "role_message_unknown").field("role", child.name()).field("type", message.type);
}

Result<void> Supervisor::install(const net::Message& message) {
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, folder_of(config_path_)));
  if (static_cast<wire::Type>(message.type) == wire::Type::InstallStaple) {
    BZ_TRY(auto staple, wire::InstallStaple::decode(message.payload));
    return install_staple(loaded_.config, folder.get(), staple);
  }
  BZ_TRY(auto issued, wire::InstallCertificate::decode(message.payload));
  auto installed = install_issued(loaded_.config, folder.get(), issued);
  base::wipe(issued.key_pem.data(), issued.key_pem.size());
  return installed;
}

void Supervisor::answer_admin(uint64_t id, const Result<void>& done) {
  if (!done) log::event(log::Err, "admin_refused").error(done.error());
  auto admin =
      std::find_if(children_.begin(), children_.end(), [](const auto& child) { return child->role().name == "admin"; });
  if (admin == children_.end()) return;
  (*admin)->send(wire::Type::Done, wire::Done{id, done ? std::string() : done.error().text()}.encode());
}

void Supervisor::run_hook(wire::RunHook hook) {
  const roles::AcmeConfig& acme = loaded_.config.acme;
  const bool known = hook.action == "add" || hook.action == "remove";
  if (acme.dns_hook.empty() || !known || !is_plain(hook.name, kMaxName) || !is_value(hook.value))
    return answer_admin(hook.id, fail(Errc::Denied, "no such order for a hook"));
  auto folder = os::open_folder(os::kHere, folder_of(config_path_));
  auto log = os::open_append(state_.get(), "log/hook.log", 0640);
  if (!folder || !log)
    return answer_admin(hook.id, fail(Errc::Unavailable, "cannot open the folder or the log of the hook"));
  log::event(log::Info, "hook").field("action", hook.action).field("name", hook.name);
  const auto& user = users_["admin"];
  HookRunner::Order order;
  order.program = acme.dns_hook;
  order.arguments = {hook.action, hook.name, hook.value};
  order.folder = folder->get();
  if (user && user->uid != 0) order.user = user;
  order.log = log->get();
  order.limit = acme.dns_hook_time;
  order.done = [this, id = hook.id](const Result<void>& done) { answer_admin(id, done); };
  hook_runner_.run(std::move(order));
}

}  // namespace bz::app
