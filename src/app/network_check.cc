#include "app/network_check.h"

#include <algorithm>
#include <set>

#include "net/loop.h"
#include "net/stream.h"

namespace bz::app {
namespace {

constexpr net::Millis kPatience{3'000};
// What runs on hosts inside, and stands open by mistake: administration, mail, files, databases, directories, web.
constexpr uint16_t kUnplanned[] = {22,  25,  80,   110,  111,  139,  143,  389,  443,  445,  465,  587,  636, 873,
                                   993, 995, 2049, 3306, 3389, 5432, 5900, 6379, 8080, 8443, 9090, 7459, 7465};

std::string text_of(const Flow& flow) {
  return std::string(name(flow.to)) + (flow.to_address.empty() ? "" : " " + flow.to_address) +
         (flow.udp ? " udp/" : " tcp/") + std::to_string(flow.port) + (flow.why.empty() ? "" : ": " + flow.why);
}

Task<void> try_one(net::Loop& loop, const Flow& flow, bool planned, NetworkFinding& out, size_t& left) {
  auto connecting = net::connect(loop, {flow.to_address, flow.port}, net::Deadline::in(kPatience));
  auto connected = co_await std::move(connecting);
  using enum NetworkFinding::Kind;
  out.kind = connected ? (planned ? Open : Leak) : (planned ? Closed : Open);
  if (planned && !connected) out.why = connected.error().text();
  if (--left == 0) loop.stop();
}

struct Try {
  Flow flow;
  bool planned;
};

std::vector<Try> tries_of(const std::vector<Flow>& flows, Place here) {
  std::vector<Try> out;
  std::set<uint16_t> planned;
  std::string inside;
  for (const Flow& flow : flows) {
    if (flow.from != here) continue;
    out.push_back({flow, true});
    if (here != Place::Gateway || flow.to != Place::Inside) continue;
    inside = flow.to_address;
    planned.insert(flow.port);
  }
  if (inside.empty()) return out;
  for (uint16_t port : kUnplanned) {
    if (!planned.contains(port))
      out.push_back({{.from = here, .to = Place::Inside, .to_address = inside, .port = port, .why = "not planned"}, false});
  }
  return out;
}

}  // namespace

std::vector<NetworkFinding> check_network(const std::vector<Flow>& flows, Place here) {
  const auto tries = tries_of(flows, here);
  std::vector<NetworkFinding> out(tries.size());
  net::Loop loop;
  net::TaskGroup tasks(loop);
  size_t left = 1;  // ours, until all are under way
  loop.post([&] {
    for (size_t i = 0; i < tries.size(); ++i) {
      out[i].what = text_of(tries[i].flow);
      if (tries[i].flow.udp || !net::is_numeric(tries[i].flow.to_address)) {
        out[i].kind = NetworkFinding::Kind::Unchecked;
        continue;
      }
      ++left;
      tasks.spawn(try_one(loop, tries[i].flow, tries[i].planned, out[i], left));
    }
    if (--left == 0) loop.stop();
  });
  loop.run();
  // Of what must not be reachable only what is, is news.
  size_t at = 0;
  std::erase_if(out, [&](const NetworkFinding& finding) {
    return !tries[at++].planned && finding.kind != NetworkFinding::Kind::Leak;
  });
  return out;
}

std::string finding_table(const std::vector<NetworkFinding>& findings, bool json) {
  using enum NetworkFinding::Kind;
  std::string out;
  for (const NetworkFinding& finding : findings) {
    const std::string word = finding.kind == Open     ? "open"
                             : finding.kind == Closed ? "CLOSED"
                             : finding.kind == Leak   ? "LEAK"
                                                      : "not checked";
    std::string why = finding.why;
    std::replace(why.begin(), why.end(), '"', '\'');
    if (json) {
      out += std::string(out.empty() ? "" : ",") + "{\"state\":\"" + word + "\",\"what\":\"" + finding.what +
             "\",\"why\":\"" + why + "\"}";
    } else {
      out += word + "  " + finding.what + (why.empty() ? "" : " (" + why + ")") + "\n";
    }
  }
  return json ? "[" + out + "]\n" : out;
}

bool all_good(const std::vector<NetworkFinding>& findings) {
  using enum NetworkFinding::Kind;
  return std::none_of(findings.begin(), findings.end(),
                      [](const NetworkFinding& f) { return f.kind == Closed || f.kind == Leak; });
}

}  // namespace bz::app
