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
  bool good = !has(steps, Finding::Kind::Bad);
  status_ = good ? 0 : 1;
  if (command_.json) co_return json_of(user, good, steps);
  std::string out;
  for (const Finding& step : steps) out += line_of(step);
  out +=
      good ? (password ? "This user can log in.\n" : "This user is known and active.\n") : "This login would be refused.\n";
  co_return std::move(out);
}

}  // namespace bz::authd
