// `buzon directory test`: what would happen if this user logged in now, in plain words.
#include <algorithm>

#include "authd/commands.h"
#include "authd/exchange.h"

namespace bz::authd {

namespace {

using directory::Finding;

std::string_view name(Finding::Kind kind) {
  return kind == Finding::Kind::Good ? "good" : kind == Finding::Kind::Bad ? "bad" : "note";
}

std::string line_of(const Finding& finding) {
  if (finding.step == "directory") return "directory " + finding.text + "\n";
  std::string_view mark = finding.kind == Finding::Kind::Good  ? "  + "
                          : finding.kind == Finding::Kind::Bad ? "  ! "
                                                               : "    ";
  return std::string(mark) + finding.step + ": " + finding.text + "\n";
}

std::string json_of(std::string_view user, bool good, const std::vector<Finding>& steps) {
  std::string out = "{\"user\":" + json_text(user) + ",\"ok\":" + (good ? "true" : "false") + ",\"steps\":[";
  for (size_t i = 0; i < steps.size(); ++i) {
    out += std::string(i ? ",\n " : "") + "{\"step\":" + json_text(steps[i].step) +
           ",\"result\":" + json_text(name(steps[i].kind)) + ",\"text\":" + json_text(steps[i].text) + "}";
  }
  return out + "]}\n";
}

// Where the mailbox is, and what becomes of the copy of what its user submits.
void explain_place(std::vector<Finding>& steps, const Routes& routes, const directory::Account& account) {
  auto place = routes.place_of(account);
  if (!place) return steps.push_back({Finding::Kind::Bad, "mailbox", place.error().text()});
  if (place->server == nullptr) return steps.push_back({Finding::Kind::Note, "mailbox", "in our own mail store"});
  const ForeignServer& server = *place->server;
  steps.push_back({Finding::Kind::Note, "mailbox",
                   "on server " + server.name + " at " + place->host + ", as " + routes.login_name(server, account)});
  const std::string why = !server.imap        ? "the server has no imap_port"
                          : !server.sent_copy ? "sent_copy = false"
                          : !server.has_master
                              ? "the server has no master_user, and without one we cannot file anything there"
                              : "";
  std::string text = "the master user files what is submitted through us in his Sent mailbox there";
  if (server.submission) text = "the server's own affair: its users submit there";
  if (!server.submission && !why.empty()) text = "off: " + why;
  steps.push_back({Finding::Kind::Note, "sent copy", std::move(text)});
}

bool has(const std::vector<Finding>& steps, Finding::Kind kind) {
  return std::any_of(steps.begin(), steps.end(), [&](const Finding& f) { return f.kind == kind; });
}

}  // namespace

Task<Commands::Text> Commands::directory_test() {
  const std::string user = command_.names[0];
  std::optional<Secret> password;
  if (!request_.input.empty()) {
    BZ_CO_TRY(password, password_from(request_.input));
  }
  auto explaining = service_.source_.explain(user, password);
  std::vector<Finding> steps = co_await std::move(explaining);
  if (!has(steps, Finding::Kind::Good) && !has(steps, Finding::Kind::Bad))
    steps.push_back({Finding::Kind::Bad, "result", "nobody knows " + user.substr(0, 254)});
  // A bind was part of the explanation; what we check ourselves is slow and belongs on the pool.
  if (password && !has(steps, Finding::Kind::Bad)) {
    auto looking = service_.source_.login(user);
    auto record = co_await std::move(looking);
    if (!record) co_return std::move(record).error();
    if (record->check != directory::LoginRecord::Check::Source) {
      auto verifying = service_.world_.pool.run<bool>(service_.world_.loop, verification(*record, *password));
      BZ_CO_TRY(bool right, co_await verifying);
      right = right && record->known;
      steps.push_back({right ? Finding::Kind::Good : Finding::Kind::Bad, "password", right ? "right" : "wrong"});
    }
  }
  if (!service_.options_.routes.empty() && !has(steps, Finding::Kind::Bad)) {
    auto looking = service_.source_.login(user);
    auto record = co_await std::move(looking);
    if (!record) co_return std::move(record).error();
    explain_place(steps, service_.options_.routes, record->account);
  }
  const bool good = !has(steps, Finding::Kind::Bad);
  if (good && !service_.options_.ntlm.domains.empty()) {
    auto asking = explain_ntlm(steps, user, password);
    co_await std::move(asking);
  }
  status_ = good ? 0 : 1;
  if (command_.json) co_return json_of(user, good, steps);
  std::string out;
  for (const Finding& step : steps) out += line_of(step);
  out +=
      good ? (password ? "This user can log in.\n" : "This user is known and active.\n") : "This login would be refused.\n";
  co_return std::move(out);
}

}  // namespace bz::authd
