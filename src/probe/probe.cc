#include "probe/probe.h"

#include <algorithm>

#include "base/text.h"
#include "probe/visit.h"

namespace bz::probe {
namespace {

const Door kDoors[] = {{"imaps", Protocol::Imap, 993, true, true},       {"pop3s", Protocol::Pop3, 995, true, true},
                       {"submission", Protocol::Smtp, 587, false, true}, {"submissions", Protocol::Smtp, 465, true, true},
                       {"smtp", Protocol::Smtp, 25, false, false},       {"imap", Protocol::Imap, 143, false, true},
                       {"pop3", Protocol::Pop3, 110, false, true}};
constexpr size_t kUsual = 5;

Task<void> visit_door(Visit& visit) {
  switch (visit.door().protocol) {
    case Protocol::Imap:
      return visit_imap(visit);
    case Protocol::Pop3:
      return visit_pop3(visit);
    case Protocol::Smtp:
      return visit_smtp(visit);
  }
  return visit_imap(visit);
}

// A phone needs one way to send, whichever it is.
void judge_ways_to_send(const Options& options, Report& report) {
  auto closed = [&](const Door& door) {
    return std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
      return finding.where == door.name + " (" + std::to_string(door.port) + ")" && finding.what.code.starts_with("port-");
    });
  };
  size_t ways = 0, shut = 0;
  for (const Door& door : options.doors) {
    if (door.protocol != Protocol::Smtp || !door.login) continue;
    ++ways;
    if (closed(door)) ++shut;
  }
  if (ways == 0 || shut < ways) return;
  report.findings.push_back(
      {"submission",
       {Severity::Error, "no-submission", "No submission port answers: phones can read mail and not send any.",
        "Open 587 (STARTTLS) or 465 (implicit TLS)."}});
}

Result<crypto::TlsContext> make_context() {
  crypto::TlsClientOptions options;
  options.check = crypto::PeerCheck::None;       // the linter judges, in words
  options.profile = crypto::TlsProfile::Legacy;  // to name what is too old, it must be let in
  options.system_roots = false;
  return crypto::make_tls_client(options);
}

}  // namespace

std::vector<Door> usual_doors() { return {std::begin(kDoors), std::begin(kDoors) + kUsual}; }

Result<std::vector<Door>> parse_doors(std::string_view text) {
  std::vector<Door> out;
  for (std::string_view item : base::split(text, ',')) {
    size_t equals = item.find('=');
    std::string_view name = item.substr(0, equals);
    auto known = std::find_if(std::begin(kDoors), std::end(kDoors), [&](const Door& door) { return door.name == name; });
    if (known == std::end(kDoors)) {
      return fail(Errc::Invalid, "no such door: " + std::string(name) +
                                     "; there are imaps, pop3s, submission, submissions, smtp, imap and pop3");
    }
    Door door = *known;
    if (equals != item.npos) {
      auto port = base::parse_number<uint16_t>(item.substr(equals + 1));
      if (!port || *port == 0) return fail(Errc::Invalid, "no port: " + std::string(item));
      door.port = *port;
    }
    out.push_back(std::move(door));
  }
  return out;
}

Task<Report> probe(net::Loop& loop, Options options) {
  Report report;
  auto context = make_context();
  if (!context) {
    report.findings.push_back(
        {"probe", {Severity::Error, "no-tls-here", context.error().text(), "Look at this machine's OpenSSL."}});
    co_return report;
  }
  std::set<std::string> judged;
  for (const Door& door : options.doors) {
    Visit visit(loop, options, door, *context, report, judged);
    auto visiting = visit_door(visit);
    co_await std::move(visiting);
  }
  judge_ways_to_send(options, report);
  co_return report;
}

}  // namespace bz::probe
