#include "probe/visit.h"

#include <algorithm>

#include "base/text.h"

namespace bz::probe {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view word : base::split(text, ' ')) {
    while (!word.empty() && (word.front() == '(' || word.front() == '[')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == ')' || word.back() == ']')) word.remove_suffix(1);
    if (!word.empty() && out.size() < 200) out.push_back(base::upper(word));
  }
  return out;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Visit::Visit(net::Loop& loop, const Options& options, const Door& door, const crypto::TlsContext& context, Report& report,
             std::set<std::string>& judged)
    : loop_(loop), options_(options), door_(door), context_(context), report_(report), judged_(judged) {}

void Visit::add(Severity severity, const char* code, std::string text, std::string advice) {
  report_.findings.push_back({where(), {severity, code, std::move(text), std::move(advice)}});
}

void Visit::lost(const char* code, std::string_view question, const Error& error) {
  bool silent = error.code() == Errc::Timeout;
  this->error(code,
              "No good answer to " + std::string(question) + ": " +
                  (silent ? "the server says nothing for " + std::to_string(options_.patience.count() / 1000) + " s"
                          : error.text()) +
                  ".",
              "Look into the server's log at this time.");
}

void Visit::judge_mechanisms(const std::vector<std::string>& offered) {
  std::string list;
  for (const std::string& mechanism : offered) list += " " + mechanism;
  fact("login mechanisms:" + (list.empty() ? " none" : list));
  if (!door_.login || has(offered, "PLAIN") || has(offered, "LOGIN") || has(offered, "CRAM-MD5")) return;
  error("no-mechanism",
        "Under TLS the server offers no login mechanism that phones have (PLAIN, LOGIN or CRAM-MD5); nobody can log in "
        "with a "
        "phone.",
        "Offer PLAIN under TLS.");
}

Task<Result<std::unique_ptr<Link>>> Visit::connect() {
  if (options_.open) {
    auto stream = options_.open(door_);
    if (!stream) co_return std::move(stream).error();
    co_return std::make_unique<Link>(std::move(*stream), options_.patience);
  }
  Error last = fail(Errc::NotFound, "the name has no address");
  for (const std::string& address : options_.addresses) {
    auto attempt = net::connect(loop_, {address, door_.port}, net::Deadline::in(options_.patience));
    auto stream = co_await std::move(attempt);
    if (stream) co_return std::make_unique<Link>(std::move(*stream), options_.patience);
    last = std::move(stream).error();
  }
  co_return last;
}

Task<std::unique_ptr<Link>> Visit::enter() {
  auto attempt = connect();
  auto link = co_await std::move(attempt);
  if (!link) {
    bool silent = link.error().code() == Errc::Timeout;
    Severity weight = door_.name == "imaps" ? Severity::Error : Severity::Note;
    add(weight, silent ? "port-filtered" : "port-closed",
        silent ? "The port does not answer at all: a firewall throws connections away. A phone waits for a minute here."
               : "Nobody listens there (" + link.error().text() + ").",
        silent ? "Open the port in the firewall, or refuse connections instead of ignoring them."
               : "Start the service there if phones shall use it.");
    co_return nullptr;
  }
  if (!door_.implicit_tls) co_return std::move(*link);
  auto handshake = secure(**link);
  bool good = co_await std::move(handshake);
  if (!good) co_return nullptr;
  co_return std::move(*link);
}

Task<Result<std::unique_ptr<Link>>> Visit::enter_again() {
  auto attempt = connect();
  auto link = co_await std::move(attempt);
  if (!link || !door_.implicit_tls) co_return link;
  auto handshake = (*link)->secure(context_, options_.host);
  auto done = co_await std::move(handshake);
  if (!done) co_return std::move(done).error();
  co_return link;
}

Task<bool> Visit::secure(Link& link) {
  auto handshake = link.secure(context_, options_.host);
  auto done = co_await std::move(handshake);
  if (done) {
    judge_tls(link);
    co_return true;
  }
  bool silent = done.error().code() == Errc::Timeout;
  error(silent ? "tls-silent" : "tls-failed",
        silent ? "The server takes the connection and does not begin TLS within " +
                     std::to_string(options_.patience.count() / 1000) + " s; a phone shows a spinner."
               : "The TLS handshake fails: " + done.error().text() + ".",
        silent ? "Look whether the service behind the port is alive."
               : "Look at certificate, key and protocol versions of the service.");
  if (door_.implicit_tls) {
    auto look = look_for_plain_text();
    co_await std::move(look);
  }
  co_return false;
}

// A door that should begin with TLS and greets in clear: the commonest wrong setting.
Task<void> Visit::look_for_plain_text() {
  auto attempt = connect();
  auto link = co_await std::move(attempt);
  if (!link) co_return;
  auto reading = (*link)->line();
  auto line = co_await std::move(reading);
  if (!line || !(line->starts_with("* ") || line->starts_with("+OK") || line->starts_with("220"))) co_return;
  error("plain-text-on-tls-port",
        "The server greets in clear on a port where TLS must begin at once (\"" + line->substr(0, 80) +
            "\"); phones hang or offer to go on without TLS.",
        "Switch implicit TLS on for this port; STARTTLS belongs to 587, 143 and 110.");
}

void Visit::judge_tls(Link& link) {
  const net::TlsInfo& tls = link.tls();
  fact(tls.version + " with " + tls.cipher);
  if (tls.version == "TLSv1" || tls.version == "TLSv1.1") {
    error("tls-old",
          "The server knows nothing newer than " + tls.version +
              " (RFC 8996 forbids it). Current phones refuse it or warn, and it can be broken.",
          "Switch TLS 1.2 and 1.3 on.");
  } else if (tls.version == "TLSv1.2" && tls.cipher.find("GCM") == std::string::npos &&
             tls.cipher.find("POLY1305") == std::string::npos) {
    warning("suite-weak", "The server prefers " + tls.cipher + ", which is no AEAD suite (RFC 9325).",
            "Prefer ECDHE with AES-GCM.");
  } else if (tls.version == "TLSv1.2" && !tls.cipher.starts_with("ECDHE") && !tls.cipher.starts_with("DHE")) {
    warning("no-forward-secrecy",
            "The server prefers " + tls.cipher + ": who steals its key later reads recorded sessions.",
            "Prefer ECDHE suites.");
  }
  crypto::PeerCertificates sent = link.certificates();
  crypto::LintInput input{
      .chain = sent.chain, .host = options_.host, .roots = options_.roots, .staple = sent.staple, .now = options_.now};
  std::string id;
  for (const std::string& certificate : sent.chain) id += certificate;
  if (!judged_.insert(std::move(id)).second) return fact("the same certificates as before");
  if (!sent.chain.empty()) {
    for (const std::string& line : crypto::describe_certificate(sent.chain[0])) {
      fact("certificate " + line);
    }
  }
  for (crypto::Finding& finding : crypto::lint_certificates(input))
    report_.findings.push_back({where(), std::move(finding)});
}

}  // namespace bz::probe
